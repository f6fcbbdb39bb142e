"""One real account's stream in nine recordings, in the long names of a client library, numbers as JSON numbers."""

from collections import Counter
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from margincall.core.events import NOWHERE, AnyEvent, Fill, Flow, Statement
from margincall.history.read import read, read_file

FOLDER = "binance_user_stream"
SESSIONS = [f"session-{number:02}.json" for number in range(1, 10)]


def without_places(events: tuple[AnyEvent, ...]) -> list[AnyEvent]:
    return [msgspec.structs.replace(event, source=NOWHERE) for event in events]


def test_each_session_is_read_whole(shared: Path) -> None:
    counts: Counter[str] = Counter()
    for name in SESSIONS:
        found = read_file(shared / FOLDER / name)
        assert (found.problems, found.unmodelled) == ((), ())
        counts.update(found.source.counts)
    assert counts == {"statement": 41, "fill": 30, "order": 29, "flow": 9}


def test_sessions_repeat_two_messages(shared: Path) -> None:
    history = read([shared / FOLDER])
    assert [(Path(each.file).name, each.place, each.kind) for each in history.problems] == [
        ("session-02.json", "line 2", "repeat"),
        ("session-03.json", "line 2", "repeat"),
    ]
    assert sum(isinstance(event, Statement) for event in history.events) == 39


def test_a_statement_stands_before_the_fill_that_it_holds(shared: Path) -> None:
    """Three partial fills of one millisecond, each after its print: the order of the file, not of the clock."""
    events = read([shared / FOLDER / "session-01.json"]).events[:7]
    assert {event.time_ms for event in events} == {1646146064277}
    assert [type(event).__name__ for event in events] == ["Order", *["Statement", "Fill"] * 3]
    assert [event.trade_id for event in events if isinstance(event, Fill)] == ["647533313", "647533314", "647533315"]


def test_the_order_of_the_files_is_kept(shared: Path) -> None:
    for name in SESSIONS:
        lines = [event.source.line or 0 for event in read([shared / FOLDER / name]).events]
        assert lines == sorted(lines)


def test_one_fill_prints_no_commission(shared: Path) -> None:
    events = read([shared / FOLDER]).events
    silent = [event for event in events if isinstance(event, Fill) and event.fee is None]
    assert [(Path(event.source.file).name, event.trade_id) for event in silent] == [("session-03.json", "647576129")]


def test_flows_carry_what_the_balance_changed(shared: Path) -> None:
    """A deposit or withdrawal prints its amount; nothing else does."""
    flows = [event for event in read([shared / FOLDER]).events if isinstance(event, Flow)]
    assert Counter(event.reason for event in flows) == {"DEPOSIT": 6, "WITHDRAW": 3}
    assert all((event.applied["USDT"] > 0) == (event.reason == "DEPOSIT") for event in flows)


@pytest.mark.parametrize("name", SESSIONS)
def test_numbers_are_exact(shared: Path, name: str) -> None:
    """Every number of a fill stands in the file, digit by digit."""
    text = (shared / FOLDER / name).read_text(encoding="utf-8")
    numbers = {word.strip(" ,\n") for line in text.splitlines() if ":" in line for word in [line.split(":", 1)[1]]}
    for event in read([shared / FOLDER / name]).events:
        if isinstance(event, Fill):
            printed = [abs(event.quantity), event.price, event.fee, event.realized]
            assert all(str(number) in numbers for number in printed if isinstance(number, Decimal))


def test_a_session_in_one_letter_keys_says_the_same(shared: Path, tmp_path: Path) -> None:
    """Both key styles: the recording, translated by the documentation's names."""
    original = shared / FOLDER / "session-09.json"
    long_to_short = {
        "eventType": "e",
        "eventTime": "E",
        "transactionTime": "T",
        "transactionId": "T",
        "order": "o",
        "updateData": "a",
        "updateEventType": "m",
        "updatedBalances": "B",
        "updatedPositions": "P",
        "walletBalance": "wb",
        "crossWalletBalance": "cw",
        "balanceChange": "bc",
        "asset": "a",
        "symbol": "s",
        "positionAmount": "pa",
        "entryPrice": "ep",
        "accumulatedRealisedPreFee": "cr",
        "unrealisedPnl": "up",
        "marginType": "mt",
        "isolatedWalletAmount": "iw",
        "positionSide": "ps",
        "clientOrderId": "c",
        "orderSide": "S",
        "orderType": "o",
        "orderTimeInForce": "f",
        "originalQuantity": "q",
        "originalPrice": "p",
        "averagePrice": "ap",
        "stopPrice": "sp",
        "executionType": "x",
        "orderStatus": "X",
        "orderId": "i",
        "lastFilledQuantity": "l",
        "orderFilledAccumulatedQuantity": "z",
        "lastFilledPrice": "L",
        "commissionAsset": "N",
        "commissionAmount": "n",
        "orderTradeTime": "T",
        "tradeId": "t",
        "bidsNotional": "b",
        "asksNotional": "a",
        "isMakerTrade": "m",
        "isReduceOnly": "R",
        "stopPriceWorkingType": "wt",
        "originalOrderType": "ot",
        "isCloseAll": "cp",
        "trailingStopActivationPrice": "AP",
        "trailingStopCallbackRate": "cr",
        "realisedProfit": "rp",
    }

    def short(value: object) -> object:
        if isinstance(value, list):
            return [short(each) for each in value]
        if isinstance(value, dict):
            return {long_to_short[key]: short(each) for key, each in value.items()}
        return value

    values = msgspec.json.Decoder(float_hook=Decimal).decode(original.read_bytes())
    translated = tmp_path / "short.json"
    translated.write_bytes(msgspec.json.encode(short(values)))
    both = read([original, translated])
    assert without_places(both.events) == without_places(read([original]).events)
    assert [problem.kind for problem in both.problems] == ["repeat"]
