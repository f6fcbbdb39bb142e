"""Found by readers of earlier versions; each was wrong once."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calling import call
from tests.stories import liquidation, mark, order, update, written


def explained(messages: list[dict[str, Any]], folder: Path) -> dict[str, Any]:
    """The JSON answer for these messages."""
    answer: dict[str, Any] = json.loads(call("explain", "--json", str(written(messages, folder / "story.jsonl"))).out)
    return answer


def test_fills_before_their_updates_are_paired_as_well(tmp_path: Path) -> None:
    """The order within one millisecond is not documented: both orders give the same answer, without findings."""
    messages = liquidation()
    swapped = [*messages[:3], messages[4], messages[3], *messages[5:10], messages[11], messages[10], messages[12]]
    usual, other = explained(messages, tmp_path), explained(swapped, tmp_path)
    assert other["findings"] == usual["findings"] == []
    assert other["liquidations"][0]["verdict"] == usual["liquidations"][0]["verdict"]


@pytest.mark.parametrize(
    ("after", "verdict"), [(None, "cannot tell"), ("47800", "does not hold"), ("47000", "cannot tell")]
)
def test_an_accusation_needs_marks_that_enclose_the_trigger(after: str | None, verdict: str, tmp_path: Path) -> None:
    """A mark that survives is not enough: the next one must survive too, and both be close."""
    messages = liquidation()
    messages[7] = mark(60_000, "47800")
    if after is not None:
        messages.append(mark(61_000, after))
    findings = {each["kind"]: each["verdict"] for each in explained(messages, tmp_path)["liquidations"][0]["findings"]}
    assert findings["trigger"] == verdict


def test_files_of_two_accounts_are_refused_with_both_names(tmp_path: Path) -> None:
    """USDⓈ-M and COIN-M are separate wallets: exit code 3, and what to do."""
    usual = written(liquidation(), tmp_path / "um.jsonl")
    coin = json.loads(json.dumps(liquidation()).replace("BTCUSDT", "BTCUSD_PERP"))
    called = call("explain", str(usual), str(written(coin, tmp_path / "cm.jsonl")))
    assert called.code == 3
    assert "um.jsonl" in called.err
    assert "cm.jsonl" in called.err


def test_a_support_reply_that_contradicts_itself_cannot_tell(tmp_path: Path) -> None:
    """Printed balance and printed parts lie on different sides of the maintenance margin."""
    path = tmp_path / "reply.txt"
    path.write_text("Wallet balance: 100\nUnrealized PnL: -60\nMargin balance: 60\nMaintenance margin: 50\n")
    answer = json.loads(call("explain", "--json", str(path)).out)
    assert answer["liquidations"][0]["verdict"]["liquidated"] is None
    assert "by the venue's own figures" not in call("explain", str(path)).out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--long", "0,5@60000", "--wallet", "10000"), "0,5"),
        (("--long", "1@60000", "--wallet", "5,5"), "5,5"),
        (
            ("--long", "1@60000", "--wallet", "3000", "--isolated", "--other", "ETHUSDT:1@2000"),
            "--isolated and --other",
        ),
        (("--long", "1@60000", "--wallet", "3000", "--as-of", "garbage"), "2024-10-24"),
        (("--long", "1@60000", "--wallet", "3000", "--rate", "0.1", "--other", "ETHUSDT:1@2000"), "--rate"),
        (("--long", "1@60000", "--wallet", "3000", "--rate", "0.01", "--cum", "5000"), "--cum"),
        (("--long", "1@60000", "--wallet", "3000", "--cum", "100"), "--cum"),
    ],
)
def test_calc_refuses_what_it_once_misread(arguments: tuple[str, ...], text: str) -> None:
    """Exit code 3 with the flag or the number, instead of another question's answer."""
    called = call("calc", "BTCUSDT", *arguments)
    assert called.code == 3
    assert text in called.err


def other_fill(at: int, **more: Any) -> dict[str, Any]:
    """A trader's fill in another symbol, without any mark of it."""
    said = {"s": "ETHUSDT", "l": "1", "z": "1", "L": "2000", "n": "1", "t": 900, "q": "1", **more}
    return order(at, 9, side="BUY", execution="TRADE", status="FILLED", **said)


def test_a_position_of_another_pool_without_a_mark_stops_nothing(tmp_path: Path) -> None:
    """BTC is isolated: what ETH is worth plays no part, neither in the verdict nor in the cause."""
    messages = liquidation()
    messages.insert(7, other_fill(59_500))
    each = explained(messages, tmp_path)["liquidations"][0]
    assert each["verdict"]["liquidated"] is True
    assert {term["term"] for term in each["cause"]} == {"mark BTCUSDT"}


def test_orders_of_another_pool_may_stay(tmp_path: Path) -> None:
    """An order in ETHUSDC holds no margin of an isolated BTCUSDT position."""
    messages = liquidation()
    resting = order(3000, 77, side="BUY", execution="NEW", status="NEW", s="ETHUSDC", o="LIMIT", ot="LIMIT", p="1000")
    messages.insert(6, resting)
    findings = {each["kind"]: each["verdict"] for each in explained(messages, tmp_path)["liquidations"][0]["findings"]}
    assert findings["orders_cancelled"] == "holds"


def test_amounts_of_different_assets_are_never_added(tmp_path: Path) -> None:
    """A clearance fee that also takes BNB: the fee in USDT is 75, and holds."""
    messages = liquidation()
    messages[-1]["a"]["B"].append({"a": "BNB", "wb": "0.9", "cw": "0.9", "bc": "-0.1"})
    each = explained(messages, tmp_path)["liquidations"][0]
    assert each["clearance"]["fee"] == "75"
    assert {"clearance fee": "-75"}.items() <= {
        step["step"]: step["amount"] for step in each["waterfall"] if step["asset"] == "USDT"
    }.items()
    assert [finding["verdict"] for finding in each["findings"] if finding["kind"] == "clearance_fee"] == ["holds"]


def test_a_gap_that_closes_is_no_incident(tmp_path: Path) -> None:
    """Deposits whose printed wallets lag 100, then 50 behind: one drop, not two."""
    messages = [
        update(0, "DEPOSIT", "1000", "1000", cross="1000"),
        update(100_000, "DEPOSIT", "1000", "100", cross="1000"),
        update(200_000, "DEPOSIT", "1150", "100", cross="1150"),
    ]
    assert [each["kind"] for each in explained(messages, tmp_path)["liquidations"]] == ["indirect"]


def test_a_refused_account_gets_no_derived_check_and_no_standing(tmp_path: Path) -> None:
    """Not modelled means not computed: only what was applied is listed."""
    kind = tmp_path / "kind.json"
    kind.write_text(
        json.dumps(
            [
                {
                    "uniMMR": "5.1",
                    "accountEquity": "100",
                    "actualEquity": "100",
                    "accountInitialMargin": "1",
                    "accountMaintMargin": "1",
                    "accountStatus": "NORMAL",
                }
            ]
        )
    )
    story = written(liquidation()[:9], tmp_path / "story.jsonl")
    answer = json.loads(call("explain", "--json", str(story), str(kind)).out)
    assert answer["standing"] is None
    assert all(each["findings"] == [] for each in answer["liquidations"])
