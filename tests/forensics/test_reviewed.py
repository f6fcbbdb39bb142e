"""Found by readers of earlier versions; each was wrong once."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calling import call
from tests.stories import liquidation, mark, written


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
