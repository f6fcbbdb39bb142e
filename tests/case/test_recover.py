"""What `recover` says of whole histories: every line, sum and programme, from files in the venue's own shape."""

import json
from decimal import Decimal as D
from pathlib import Path
from typing import Any, get_args

import pytest
from msgspec import structs

from margincall.case import programmes_check, recover_path, warning
from margincall.case.programmes import programmes
from margincall.case.programmes_page import markdown
from margincall.case.recover import Given, Recovery, UnderProgramme, recover
from margincall.case.recover_document import json_schema, recover_document
from margincall.case.recover_lines import Firm, Line, Says
from margincall.case.recover_loss import TaxLoss
from margincall.errors import UsageError
from margincall.forensics.answer import Answer, answer, example
from margincall.forensics.verify.check import IRREGULAR, OPEN, REGULAR, Conclusion, Irregularity, Kind, Verified
from margincall.forensics.verify.conclude import irregularities
from margincall.forensics.verify.judge import verify
from margincall.forensics.verify.make import check
from margincall.venues.embedded import embedded_book
from tests import stories
from tests.case import depegged
from tests.case.recovery_page import PAGE, generated
from tests.case.test_programmes import COLLATERAL, GUARANTEE, TOGETHER, ms
from tests.sources import ROOT

SCHEMA = ROOT / "docs" / "reference" / "recover.schema.json"
TODAY = "2026-11-28"


def read(*paths: Path) -> Answer:
    """The files explained with the embedded tables."""
    return answer(paths, embedded_book())


def story(path: Path, *, drop: str = "", add: list[dict[str, Any]] | None = None) -> Answer:
    """The isolated long of `tests/stories.py`, without messages of a kind, with others at its end."""
    told = [each for each in stories.liquidation() if each.get("a", {}).get("m") != drop]
    return read(stories.written([*told, *(add or [])], path / "story.jsonl"))


def line(lines: tuple[Line, ...], what: str) -> Line:
    """The one line of that name."""
    (found,) = [each for each in lines if each.what == what]
    return found


def parts(loss: TaxLoss) -> dict[str, D]:
    """Part -> amount."""
    return {each.what: each.amount for each in loss.parts}


def programme(told: Recovery, name: str) -> UnderProgramme:
    """One programme of the answer."""
    return next(each for each in told.programmes if each.id == name)


def test_the_money_of_the_isolated_long(tmp_path: Path) -> None:
    """Margin 2,475, loss 2,400, clearance 75: nothing is left of the position, 500 in the cross wallet."""
    found = story(tmp_path)
    told = recover(found, as_of=TODAY, verdict=verify(found))
    (closing,) = told.closings
    assert (closing.kind, closing.symbol, closing.order_id) == ("liquidation", "BTCUSDT", "3")
    left = line(closing.lines, "margin left")
    assert (left.says, left.amount, left.where) == ("nothing", None, "in the cross wallet")
    fee = line(closing.lines, "clearance fee")
    assert (fee.says, fee.amount, fee.asset, fee.where, fee.firm) == (
        "amount",
        D(-75),
        "USDT",
        "insurance fund",
        "booked",
    )
    assert line(closing.lines, "position taken over by the fund").says == "nothing"
    assert line(closing.lines, "negative balance made good by the fund").says == "nothing"
    assert line(closing.lines, "may be disputed").says == "nothing"
    assert "not advised" in line(closing.lines, "may be disputed").note
    wallet = line(told.account, "wallet at the end of the files")
    assert (wallet.amount, wallet.asset) == (D(500), "USDT")
    for what in ("refund of a loss by the insurance fund", "closed by deleveraging", "clawback or socialised loss"):
        assert line(told.account, what).says == "nothing"


def test_the_result_of_the_isolated_long(tmp_path: Path) -> None:
    """−2,400 − 75 − 25 = −2,500: from 3,000 paid in to 500."""
    told = recover(story(tmp_path), as_of=TODAY)
    (loss,) = told.closings[0].realized_loss
    assert parts(loss) == {
        "result of the closing trades": D(-2400),
        "clearance fee": D(-75),
        "fees of its opening": D(-25),
    }
    assert (loss.asset, loss.total, loss.lacks) == ("USDT", D(-2500), ())
    assert "no tax advice" in loss.note
    assert told.realized_loss == (loss,)


def test_the_results_are_all_that_the_account_lost() -> None:
    """The embedded example, three orders of one cross account: the sum of its results is what is gone."""
    found = example(embedded_book())
    told = recover(found, as_of=TODAY)
    history = found.explained.history
    assert history is not None
    account = history.timeline.last
    paid_in = sum(amount for (asset, why), amount in account.ledger.items() if why in ("opening", "transfer"))
    (loss,) = told.realized_loss
    assert len(told.closings) == 3
    assert loss.total == account.wallets["USDT"] - paid_in
    assert parts(loss)["taken over"] < 0
    for what in ("position taken over by the fund", "clearance fee"):
        assert any(line(each.lines, what).says == "amount" for each in told.closings)


@pytest.fixture
def inside(tmp_path: Path) -> Answer:
    """The depegged account, liquidated at 21:40 UTC of that day."""
    return read(depegged.at(ms("2025-10-10T21:40:00"), depegged.liquidation(), tmp_path / "a.jsonl"))


def test_a_whole_history_inside_the_programme_of_october_2025(inside: Answer) -> None:
    """All conditions are met from the files alone; the formula gives 200 · (0.9995 − 0.05) = 189.90 USD, and of the
    position 0.1 · |49,900 − 113,000| = 6,310; and still nothing can be claimed: it is closed."""
    references = {"USDE": D("0.9995"), "BTCUSDT": D(113_000)}
    found = programme(recover(inside, as_of=TODAY, given=Given(references)), COLLATERAL)
    assert found.tables[0].verdict == "inside"
    assert {each.units: each.amount for each in found.tables[0].by_formula} == {
        "collateral USDE": D("189.9"), "position BTCUSDT": D(6310),
    }  # fmt: skip
    assert (found.line.says, found.line.amount, found.status) == ("nothing", None, "closed")
    assert "closed, as far as the sources go" in found.line.note


@pytest.mark.parametrize(
    ("time", "verdict"),
    [
        ("2025-10-10T21:35:59.999", "outside"),
        ("2025-10-10T21:36:00", "inside"),
        ("2025-10-10T22:15:59.999", "inside"),
        ("2025-10-10T22:16:00", "cannot tell"),
        ("2025-10-10T22:17:00", "outside"),
    ],
)
def test_the_window_with_whole_histories(tmp_path: Path, time: str, verdict: str) -> None:
    """The same account, a millisecond before and at each end."""
    found = read(depegged.at(ms(time), depegged.liquidation(), tmp_path / "a.jsonl"))
    assert programme(recover(found, as_of=TODAY), COLLATERAL).tables[0].verdict == verdict


@pytest.mark.parametrize(
    ("messages", "asks", "holds", "verdict"),
    [
        (depegged.liquidation("USDC"), "collateral", "cannot tell", "cannot tell"),
        (depegged.liquidation(multi_assets=False), "collateral", "not met", "outside"),
        (depegged.liquidation(multi_assets=False), "mode", "not met", "outside"),
        (depegged.liquidation()[1:], "mode", "cannot tell", "cannot tell"),
        (depegged.liquidation()[1:], "collateral", "cannot tell", "cannot tell"),
    ],
)
def test_collateral_or_not_with_whole_histories(
    tmp_path: Path, messages: list[dict[str, Any]], asks: str, holds: str, verdict: str
) -> None:
    """Another collateral, single-asset mode, a mode that no file states. A stream prints only what changes: that there
    was no USDE beside the USDC it cannot tell."""
    found = read(depegged.at(ms("2025-10-10T21:40:00"), messages, tmp_path / "a.jsonl"))
    (table,) = programme(recover(found, as_of=TODAY), COLLATERAL).tables
    assert next(row.holds for row in table.rows if row.asks == asks) == holds
    assert table.verdict == verdict


def test_an_isolated_position_has_no_other_collateral(tmp_path: Path) -> None:
    """Isolated margin and multi-assets mode exclude each other, so its own margin is all that backs it."""
    messages = depegged.moved(stories.liquidation(), ms("2025-10-10T21:40:00") - stories.START - 60_500)
    found = read(stories.written(messages, tmp_path / "a.jsonl"))
    (table,) = programme(recover(found, as_of=TODAY), COLLATERAL).tables
    assert {row.asks for row in table.not_met} == {"collateral", "mode"}


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (Given(), "cannot tell"),
        (Given(net_assets=D(50)), "cannot tell"),
        (Given(net_assets=D(8000), compensated=False), "inside"),
        (Given(net_assets=D(9000), compensated=False), "outside"),
        (Given(net_assets=D(8000), compensated=True), "outside"),
    ],
)
def test_the_vouchers_with_a_whole_history(tmp_path: Path, given: Given, verdict: str) -> None:
    """The isolated long in October 2025: 2,400 without its fee of 75, 2,475 with it; 30 % of 8,000 are 2,400, of 9,000
    2,700."""
    messages = depegged.moved(stories.liquidation(), ms("2025-10-10T21:40:00") - stories.START - 60_500)
    found = read(stories.written(messages, tmp_path / "a.jsonl"))
    assert programme(recover(found, as_of=TODAY, given=given), TOGETHER).tables[0].verdict == verdict


@pytest.mark.parametrize(
    ("net", "verdict"), [("8000.01", "cannot tell"), ("8250", "cannot tell"), ("8250.01", "outside")]
)
def test_whether_fees_count_is_not_published(tmp_path: Path, net: str, verdict: str) -> None:
    """Between 2,400 and 2,475 nobody can tell: 30 % of 8,250 are 2,475."""
    messages = depegged.moved(stories.liquidation(), ms("2025-10-10T21:40:00") - stories.START - 60_500)
    found = read(stories.written(messages, tmp_path / "a.jsonl"))
    given = Given(net_assets=D(net), compensated=False)
    assert programme(recover(found, as_of=TODAY, given=given), TOGETHER).tables[0].verdict == verdict


def test_losses_of_one_window_count_together(tmp_path: Path) -> None:
    """Two liquidations of 10 USDT and 7 of fee each: 20 without and 34 with fees; a third outside the window counts
    not. 30 % of 100 are 30."""
    day = 86_400_000
    first = depegged.moved(depegged.liquidation(), ms("2025-10-10T03:00:00") - stories.START)
    second = depegged.moved(again(depegged.liquidation(), "20"), ms("2025-10-10T05:00:00") - stories.START)
    third = depegged.moved(again(depegged.liquidation(), "40"), ms("2025-10-10T05:00:00") - stories.START + 3 * day)
    found = read(stories.written([*first, *second, *third], tmp_path / "a.jsonl"))
    told = recover(found, as_of=TODAY)
    assert len(told.closings) == 3
    tables = programme(told, TOGETHER).tables
    assert [next(row.because for row in each.rows if row.asks == "loss") for each in tables[:2]] == ["20 to 34 USD"] * 2
    assert [next(row.holds for row in each.rows if row.asks == "window") for each in tables] == [
        "met",
        "met",
        "not met",
    ]


def again(messages: list[dict[str, Any]], lower: str) -> list[dict[str, Any]]:
    """The same story once more in the same account: without its deposits, wallets lower by so much, other order ids."""
    found = json.loads(
        json.dumps([each for each in messages if each["e"] != "ACCOUNT_UPDATE" or each["a"]["m"] != "DEPOSIT"])
    )
    for each in found:
        for balance in each["a"]["B"] if each["e"] == "ACCOUNT_UPDATE" else ():
            balance["wb"] = balance["cw"] = str(D(balance["wb"]) - D(lower))
        if "o" in each:
            each["o"]["i"] += 100 * int(lower)
            each["o"]["t"] = each["o"]["t"] and each["o"]["t"] + 100 * int(lower)
            each["o"]["c"] = each["o"]["c"].replace("0001", f"00{lower}")
    return found


def test_funding_counts_once_and_a_negative_balance_says_how_it_is_cleared(inside: Answer) -> None:
    """−10 − 7 − 2.5 − 0.5 = −20; 10 were paid in, so −10 are left in USDT, beside 200 USDE."""
    told = recover(inside, as_of=TODAY)
    (loss,) = told.realized_loss
    assert parts(loss)["funding since it was opened"] == D("-0.5")
    assert loss.total == D(-20)
    left = line(told.closings[0].lines, "margin left")
    assert (left.amount, left.asset) == (D(-10), "USDT")
    assert "ten minutes" in left.note
    wallets = {each.asset: each.amount for each in told.account if each.what == "wallet at the end of the files"}
    assert wallets == {"USDT": D(-10), "USDE": D(200)}


def test_what_the_fund_pays_and_adjustments_are_shown(tmp_path: Path) -> None:
    """A fee that was given back, and an ADJUSTMENT: by amount, without a reason."""
    more = [
        stories.update(400_000, "INSURANCE_CLEAR", "530", "30", cross="530"),
        stories.update(500_000, "ADJUSTMENT", "529", "-1", cross="529"),
    ]
    told = recover(story(tmp_path, add=more), as_of=TODAY)
    assert line(told.account, "debit called adjustment").amount == D(-1)
    assert line(told.account, "clawback or socialised loss").says == "cannot tell"
    paid = [each for each in told.account if each.what == "paid to you by the insurance fund"]
    assert [(each.amount, each.firm) for each in paid] == [(D(30), "booked")]


def test_a_deleveraging_is_told_with_its_price(tmp_path: Path) -> None:
    """A long of 1 closed at 50,500 by deleveraging, without a fee."""
    told = recover(read(stories.written(deleveraged(), tmp_path / "a.jsonl")), as_of=TODAY)
    (closing,) = told.closings
    assert closing.kind == "adl"
    own = line(closing.lines, "deleveraged")
    assert (own.amount, own.asset) == (D(500), "USDT")
    assert own.note.startswith("at 50500")
    assert line(told.account, "closed by deleveraging").amount == D(500)
    found = programme(told, GUARANTEE)
    assert (found.tables[0].verdict, found.line.says) == ("cannot tell", "cannot tell")
    assert "no formula for an account was published" in found.line.note


def deleveraged() -> list[dict[str, Any]]:
    """The isolated long of `tests/stories.py`, closed by deleveraging instead."""
    kept = stories.liquidation()[:5]
    close = {"client": "adl_autoclose", "side": "SELL", "p": "50500", "o": "LIMIT", "ot": "LIMIT"}
    return [
        *kept,
        stories.order(60_500, 3, execution="NEW", status="NEW", **close),
        stories.update(60_520, "ORDER", "3475", cross="3475", position=stories.position("0", "0", "500", "0")),
        stories.order(
            60_520, 3, execution="TRADE", status="FILLED", l="1", z="1", L="50500", ap="50500", n="0", t=12, rp="500",
            **close,
        ),
    ]  # fmt: skip


def judged(found: Answer, *irregular: Irregularity, conclusion: Conclusion) -> Verified:
    """The verdict on an answer with another conclusion about its first closing."""
    verdict = verify(found)
    first, *others = verdict.liquidations
    changed = structs.replace(first, conclusion=conclusion, irregularities=irregular)
    return structs.replace(verdict, liquidations=(changed, *others))


def irregular(found: Answer, kind: Kind, checked: str, difference: D | None) -> Verified:
    """The verdict on an answer with one check of its first closing that does not hold."""
    failed = check(
        checked, "does not hold", "BTCUSDT", numbers={"difference": difference}, unit="USDT", points_to=(kind,)
    )  # fmt: skip
    verdict = judged(found, *irregularities((failed,)), conclusion=IRREGULAR)
    first, *others = verdict.liquidations
    return structs.replace(verdict, liquidations=(structs.replace(first, checks=(failed,)), *others))


def test_what_may_be_disputed_follows_the_verdict(tmp_path: Path) -> None:
    """Irregular, nothing irregular, cannot tell, not verified: a line each, and never a promise. Of what is irregular
    the amount that a dispute asks for, where one follows; of what was in favour nothing."""
    found = story(tmp_path)
    expected: tuple[tuple[Kind, str, D | None, Says], ...] = (
        ("clearance_fee_twice", "clearance_fee", D(75), "amount"),
        ("too_late", "moment", None, "cannot tell"),
        ("commission", "commission", D(-3), "nothing"),
    )
    for kind, checked, difference, says in expected:
        told = recover(found, as_of=TODAY, verdict=irregular(found, kind, checked, difference))
        amount = difference if says == "amount" else None
        said = line(told.closings[0].lines, "may be disputed")
        assert (said.says, said.amount, said.where) == (says, amount, "margincall dispute")
        assert f"{kind}: " in said.note
        assert ("only the venue or a tribunal decides" in said.note) == (says != "nothing")
    told = recover(found, as_of=TODAY, verdict=judged(found, conclusion=REGULAR))
    said = line(told.closings[0].lines, "may be disputed")
    assert (said.says, "a dispute is not advised" in said.note) == ("nothing", True)
    told = recover(found, as_of=TODAY, verdict=judged(found, conclusion=OPEN))
    assert line(told.closings[0].lines, "may be disputed").says == "cannot tell"
    told = recover(found, as_of=TODAY)
    assert line(told.closings[0].lines, "may be disputed").settled_by == "margincall verify"


def test_irregular_bookings_beside_the_closings_stand_with_the_account(tmp_path: Path) -> None:
    """Funding at a wrong rate, say; without any there is no such line."""
    found = story(tmp_path)
    wrong = Irregularity(kind="funding_rate", says="funding at another rate than published")
    verdict = structs.replace(verify(found), irregularities=(wrong,))
    said = line(recover(found, as_of=TODAY, verdict=verdict).account, "bookings that may be disputed")
    assert (said.says, "funding_rate" in said.note) == ("cannot tell", True)
    failed = check(
        "funding", "does not hold", "BTCUSDT", numbers={"difference": D(-3)}, unit="USDT", points_to=("funding_rate",)
    )  # fmt: skip
    verdict = structs.replace(verdict, checks=(failed,), irregularities=irregularities((failed,)))
    said = line(recover(found, as_of=TODAY, verdict=verdict).account, "bookings that may be disputed")
    assert (said.says, said.amount, said.asset) == ("amount", D(3), "USDT")
    clean = structs.replace(verdict, irregularities=())
    names = [each.what for each in recover(found, as_of=TODAY, verdict=clean).account]
    assert "bookings that may be disputed" not in names


@pytest.mark.parametrize(
    ("time", "path"),
    [
        ("2026-01-03T23:59:59.999", recover_path.OLD_TERMS),
        ("2026-01-04T00:00:00", recover_path.OLD_TERMS),
        ("2026-01-04T23:59:59.999", recover_path.OLD_TERMS),
        ("2026-01-05T00:00:00", recover_path.NEW_TERMS),
        ("2026-01-06T23:59:59.999", recover_path.NEW_TERMS),
        ("2026-01-07T00:00:00", recover_path.NEW_TERMS),
    ],
)
def test_the_terms_go_by_the_day(time: str, path: recover_path.Path) -> None:
    """Since 2026-01-05 those of ADGM; before sources disagree, and both are named. The hour is not in the sources,
    which a way of 2026-01-04 to 2026-01-06 says."""
    found = recover_path.path_of(ms(time))
    assert structs.replace(found, notes=path.notes) == path
    is_near = "2026-01-04" <= time[:10] <= "2026-01-06"
    assert found.notes == ((recover_path.HOUR_UNKNOWN,) if is_near else ()) + path.notes
    assert {each.deadline for each in path.steps} == {"no deadline found in the sources"}
    steps = " ".join(each.step for each in path.steps)
    assert ("seat ADGM" in steps) != ("HKIAC" in steps and "DIFC" in steps)
    assert any("no legal advice" in each for each in path.notes)


def test_complaint_and_notice_are_not_in_the_sources_for_the_old_terms() -> None:
    """Commentary describes them for the new terms only."""
    for path in (recover_path.OLD_TERMS, recover_path.path_of(0)):
        assert [each.source == recover_path.NEW_ONLY for each in path.steps[:3]] == [False, True, True]
    assert recover_path.NEW_ONLY not in {each.source for each in recover_path.NEW_TERMS.steps}


def test_without_a_time_or_at_another_venue_no_terms_are_named() -> None:
    """Nothing is guessed."""
    assert "not known" in recover_path.path_of(0).terms
    assert recover_path.path_of(ms("2026-05-01T00:00:00"), "BitMEX") == recover_path.ELSEWHERE


def test_deadlines_of_evidence(tmp_path: Path) -> None:
    """Of 2026-05-28: orders without a fill go after 3 days, margin moves after 30, exports never as far as is known."""
    time = ms("2026-05-28T20:27:00")
    found = {each.what: each for each in recover_path.kept(time, ms("2026-05-31T00:00:00"))}
    orders = found["orders cancelled or expired without a fill"]
    assert (orders.until_ms, orders.is_gone, orders.days_left) == (ms("2026-05-31T20:27:00"), False, 0)
    later = {each.what: each for each in recover_path.kept(time, ms("2026-06-01T00:00:00"))}
    assert later["orders cancelled or expired without a fill"].is_gone
    moves = found["margin added to or taken from a position"]
    assert (moves.until_ms, moves.days_left) == (ms("2026-06-27T20:27:00"), 27)
    assert [each.until_ms for each in found.values()] == sorted(each.until_ms for each in found.values())
    assert recover_path.first_gone(list(later.values())).startswith("margin added")


def test_a_programme_is_not_known_before_its_day(inside: Answer) -> None:
    """Seen from the day before its announcement the vouchers do not exist."""
    found = programme(recover(inside, as_of="2025-10-13"), TOGETHER)
    assert found.status == "not yet announced on the day asked for"
    assert found.line.says == "nothing"
    assert programme(recover(inside, as_of="2025-10-14"), TOGETHER).status == "unknown"
    assert programme(recover(inside, as_of="2026-01-30"), TOGETHER).status == "closed"


@pytest.mark.parametrize(
    ("as_of", "status", "says", "note"),
    [
        ("2025-10-09", "not yet announced on the day asked for", "nothing", "not yet announced"),
        ("2025-10-10", "unknown", "cannot tell", "whether it was closed by that day is not in the sources"),
        ("2026-01-29", "unknown", "cannot tell", "whether it was closed by that day is not in the sources"),
        ("2026-01-30", "closed", "nothing", "closed, as far as the sources go"),
    ],
)
def test_a_programme_is_not_closed_before_the_sources_tell_it_as_over(
    inside: Answer, as_of: str, status: str, says: str, note: str
) -> None:
    """The report of 2026-01-30 tells it as paid; between the event and that day nobody can tell."""
    found = programme(recover(inside, as_of=as_of), COLLATERAL)
    assert (found.status, found.line.says) == (status, says)
    assert note in found.line.note


def test_an_open_programme_with_a_formula_has_an_amount(inside: Answer) -> None:
    """None is open today; were it, the amount of the collateral counts, and without a price nobody can tell."""
    closed = next(each for each in programmes() if each.id == COLLATERAL)
    again_open = [structs.replace(closed, status="open")]
    given = Given({"USDE": D("0.9995"), "BTCUSDT": D(113_000)})
    (found,) = recover(inside, as_of=TODAY, given=given, book=again_open).programmes
    assert (found.line.says, found.line.amount, found.line.asset) == ("amount", D("189.9"), "USD")
    assert "the venue decides" in found.line.note
    (found,) = recover(inside, as_of=TODAY, book=again_open).programmes
    assert (found.line.says, found.line.amount) == ("cannot tell", None)


def test_every_line_has_an_answer_and_a_source_or_what_settles_it(inside: Answer, tmp_path: Path) -> None:
    """An amount where it says so and nowhere else; no promise in any text."""
    for found in (inside, story(tmp_path), example(embedded_book())):
        told = recover(found, as_of=TODAY, verdict=verify(found))
        lines = [*told.account, *(each for closing in told.closings for each in closing.lines)]
        lines += [each.line for each in told.programmes]
        for each in lines:
            assert (each.amount is not None) == (each.says == "amount"), each
            assert each.says in get_args(Says)
            assert each.firm in get_args(Firm)
            assert each.source or each.settled_by, each
        assert told.warning == warning.NO_RECOVERY
        text = json.dumps(recover_document(found, told)).casefold()
        for word in ("you will get", "guarantee that", "entitled", "we will recover"):
            assert word not in text


def test_without_a_liquidation_the_account_is_told_all_the_same(tmp_path: Path) -> None:
    """No closing, no programme, and the warning."""
    told = recover(read(stories.written(stories.liquidation()[:5], tmp_path / "a.jsonl")), as_of=TODAY)
    assert (told.closings, told.programmes, told.realized_loss) == ((), (), ())
    assert line(told.account, "wallet at the end of the files").amount == D(2975)
    assert told.warning == warning.NO_RECOVERY


def test_an_account_that_is_not_modelled_is_told_as_applied(inside: Answer) -> None:
    """Mode and collateral of another kind of account are not those of a classic one."""
    told = recover(structs.replace(inside, refused=("portfolio margin",)), as_of=TODAY)
    (table,) = programme(told, COLLATERAL).tables
    assert {row.asks: row.holds for row in table.rows if row.asks in ("mode", "collateral", "marked_down")} == {
        "mode": "cannot tell", "collateral": "cannot tell", "marked_down": "cannot tell",
    }  # fmt: skip
    assert line(told.closings[0].lines, "clearance fee").amount == D(-7)


def test_a_day_that_is_none_is_refused(inside: Answer) -> None:
    """`--as-of` is an ISO day."""
    with pytest.raises(UsageError, match="no day"):
        recover(inside, as_of="28.11.2026")


def test_the_page_is_the_data() -> None:
    """Change the data, and the page is written anew: `python -m tests.case.recovery_page`."""
    assert generated() == markdown()
    for assumption in programmes_check.ASSUMPTIONS:
        assert f"`{assumption.id}`" in PAGE.read_text(encoding="utf-8")


def test_the_committed_schema_is_the_types() -> None:
    """Change the types, and the schema is written anew: `python -m tests.case.test_recover`."""
    assert json.loads(SCHEMA.read_text()) == json.loads(json.dumps(json_schema()))


def test_a_negative_balance_is_made_good(tmp_path: Path) -> None:
    """Ten minutes later the fund brings −10 to 0: nothing is left, and the account lost the 10 that were paid in."""
    later = depegged.message(depegged.TRIGGER + 400_000, "INSURANCE_CLEAR", ("USDT", "0", "10"))
    messages = [*depegged.liquidation(multi_assets=False), later]
    told = recover(read(depegged.at(ms("2026-05-28T20:03:20"), messages, tmp_path / "a.jsonl")), as_of=TODAY)
    made_good = line(told.closings[0].lines, "negative balance made good by the fund")
    assert (made_good.amount, made_good.asset, made_good.firm) == (D(10), "USDT", "booked")
    assert line(told.closings[0].lines, "margin left").says == "nothing"
    assert told.realized_loss[0].total == D(-10)
    assert line(told.account, "paid to you by the insurance fund").amount == D(10)


def test_funding_without_a_symbol_beside_another_position_is_not_guessed(tmp_path: Path) -> None:
    """A stream names no symbol for funding in cross margin: with ETHUSDT open too, whose it is nobody can tell."""
    bought = {"side": "BUY", "s": "ETHUSDT", "q": "0.01"}
    other = [
        stories.order(2000, 9, execution="NEW", status="NEW", **bought),
        stories.order(2000, 9, execution="TRADE", status="FILLED", l="0.01", z="0.01", L="3000", n="0", t=19, **bought),
    ]
    messages = depegged.liquidation()
    told = recover(read(stories.written([*messages[:9], *other, *messages[9:]], tmp_path / "a.jsonl")), as_of=TODAY)
    (loss,) = told.closings[0].realized_loss
    assert "funding since it was opened" not in parts(loss)
    assert any(each.startswith("funding that is booked without a symbol") for each in loss.lacks)


def test_files_that_begin_inside_the_position_say_what_is_not_in_the_result(tmp_path: Path) -> None:
    """Without the opening: its fee and earlier funding are named as missing."""
    told = recover(read(stories.written(stories.liquidation()[5:], tmp_path / "a.jsonl")), as_of=TODAY)
    (loss,) = told.closings[0].realized_loss
    assert parts(loss) == {"result of the closing trades": D(-2400), "clearance fee": D(-75)}
    assert "fees and funding before the files begin, inside the position" in loss.lacks


def test_funding_between_two_orders_counts_for_the_later_one(tmp_path: Path) -> None:
    """Half is sold (−5), funding of −0.3 follows, half is sold (−5): funding counts once, and so does each half of the
    opening's fee of 2.5."""
    first = depegged.liquidation(multi_assets=False)[:13]
    sold = {"side": "SELL", "o": "LIQUIDATION", "ot": "LIQUIDATION", "f": "IOC", "p": "49800", "q": "0.05"}
    filled = {"execution": "TRADE", "status": "FILLED", "l": "0.05", "z": "0.05", "L": "49900", "n": "0", "rp": "-5"}
    rest = [
        stories.order(60_500, 3, client="autoclose-1", execution="NEW", status="NEW", **sold),
        depegged.message(60_520, "ORDER", ("USDT", "2", "0"), quantity="0.05", result="-5"),
        stories.order(60_520, 3, client="autoclose-1", t=12, **filled, **sold),
        depegged.message(90_000, "FUNDING_FEE", ("USDT", "1.7", "-0.3")),
        stories.order(160_500, 4, client="autoclose-2", execution="NEW", status="NEW", **sold),
        depegged.message(160_520, "ORDER", ("USDT", "-3.3", "0"), quantity="0", result="-10"),
        stories.order(160_520, 4, client="autoclose-2", t=13, **filled, **sold),
    ]
    told = recover(read(stories.written([*first, *rest], tmp_path / "a.jsonl")), as_of=TODAY)
    each = [parts(loss) for closing in told.closings for loss in closing.realized_loss]
    assert [one["funding since it was opened"] for one in each] == [D("-0.5"), D("-0.3")]
    assert [one["fees of its opening"] for one in each] == [D("-1.25"), D("-1.25")]
    assert told.realized_loss[0].total == D("-13.3")


def test_a_margin_that_the_venue_went_on_with_says_so() -> None:
    """Three orders of one millisecond: what the first two left was not left for long; only the last one's is called
    the margin left."""
    told = recover(example(embedded_book()), as_of=TODAY)
    first = [each.lines[0] for each in told.closings]
    assert ["see what follows" in each.note for each in first] == [True, True, False]
    assert [each.what for each in first] == ["in the wallet after this order"] * 2 + ["margin left"]


def test_evidence_is_gone_at_the_moment_it_expires() -> None:
    """Three days after a midnight, at midnight."""
    when = ms("2026-05-28T00:00:00")
    for today, is_gone in (("2026-05-30", False), ("2026-05-31", True)):
        assert recover_path.kept(when, ms(f"{today}T00:00:00"))[0].is_gone == is_gone


if __name__ == "__main__":
    SCHEMA.write_text(json.dumps(json_schema(), indent=2, sort_keys=True) + "\n")
