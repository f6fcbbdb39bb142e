"""The words of a dispute: short enough, polite, and only what is claimed."""

from decimal import Decimal

import pytest
from msgspec import structs

from margincall.case.dispute_asks import OF_ANOTHER_VENUE, OF_CHECK, SHORT
from margincall.case.dispute_text import SHORT_MAX, short_ticket, summary
from margincall.wire.claims import Asked, Claim, Disputed, Wrong

D = Decimal
LONG = Wrong(
    kind="too_early",
    says="liquidated before the margin was used up",
    amount=D("155.5312474"),
    unit="USDT",
    source="FAQ 360033525271, Liquidation Protocols (2024-05-29)",
    evidence=("evidence/a-file-with-a-rather-long-name-as-exports-have-them(UTC+0).csv:1234",),
)


def claim(number: int, asked: Asked, wrongs: int = 1) -> Claim:
    """So many disputed liquidations."""
    each = Disputed(
        subject="liquidation",
        asked=asked,
        symbol="1000SHIBUSDT",
        position_side="LONG",
        times_ms=(1_789_905_825_137,),
        order_ids=tuple(str(10**18 + place) for place in range(30)),
        irregularities=(LONG,) * wrongs if asked == "refund" else (),
        refund={"USDT": D("312.8912474")} if asked == "refund" else {},
        settled_by=("the mark price, wallet balance and maintenance margin of that moment",) * 9,
    )
    refund = {asset: D("1234567890.12345678") for asset in ("USDT", "BNB")} if asked == "refund" else {}
    return Claim(
        venue="binance_usdm", account="1" * 20, conclusion="irregular", advice="dispute", disputed=(each,) * number,
        refund=refund,
    )  # fmt: skip


@pytest.mark.parametrize("asked", ["refund", "evidence", "answer"])
@pytest.mark.parametrize("number", [1, 2, 7, 100])
@pytest.mark.parametrize("wrongs", [1, 5, 40])
def test_the_short_ticket_is_short(wrongs: int, number: int, asked: Asked) -> None:
    """It says what does not fit, and always all that is asked."""
    text = short_ticket(claim(number, asked, wrongs))
    assert len(text) <= SHORT_MAX
    assert text.endswith("Thank you.\n")
    assert ("1234567890.12345678 USDT" in text) == (asked == "refund")
    assert "2026-09-20 12:03:45.137 UTC" in text
    if number == 100:
        assert "and more: see ticket_long.txt" in text


def test_a_question_asks_for_no_money() -> None:
    """Nor does a request for records."""
    for asked in ("evidence", "answer"):
        text = short_ticket(claim(3, asked))
        assert "refund" not in text
        assert "USDT," not in text


def test_the_summary_says_where_it_stands() -> None:
    """And that it is to be read before it is sent."""
    said = "\n".join(summary(claim(1, "refund"), "dispute", "folder"))
    assert "Written to folder: read" in said
    assert "asks: 312.8912474 USDT" in said
    assert said.endswith("This is no legal advice.")
    said = "\n".join(summary(claim(1, "answer"), "nothing", ""))
    assert "a dispute is not advised" in said
    assert "Written" not in said
    assert said.endswith("This is no legal advice.")


def test_beside_a_rule_stands_whether_it_is_published_or_assumed() -> None:
    """In the short ticket and in the summary."""
    each = claim(1, "refund")
    (one,) = each.disputed
    assumed = structs.replace(LONG, assumptions=("mark-median",))
    resting = structs.replace(each, disputed=(structs.replace(one, irregularities=(assumed,)),))
    source = "published: FAQ 360033525271, Liquidation Protocols (2024-05-29)"
    for text in (short_ticket(each), "\n".join(summary(each, "dispute", "folder"))):
        assert source in text
        assert "assumed" not in text
    for text in (short_ticket(resting), "\n".join(summary(resting, "dispute", "folder"))):
        assert f"{source}; assumed: the mark price lies between Price 1, the last price, and the index" in text
        assert "mark-median" not in text


def test_all_that_can_be_asked_fits() -> None:
    """Every question there is, about a hundred liquidations, with the sheet of the first."""
    (each,) = claim(1, "evidence").disputed
    every = structs.replace(claim(1, "evidence"), disputed=(structs.replace(each, settled_by=tuple(SHORT)),) * 100)
    text = short_ticket(every, [[("mark price", "49175", "evidence/marks.jsonl:226")]] * 100)
    assert len(text) <= SHORT_MAX
    assert [words for words in SHORT.values() if words not in text] == []
    assert {text for wanted in OF_CHECK.values() for text in wanted} | set(OF_ANOTHER_VENUE) == set(SHORT)
