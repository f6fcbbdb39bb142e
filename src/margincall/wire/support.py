"""What the venue's support wrote to a customer, as a small JSON object or as pasted text.

Support answers a dispute with a few sums at the moment of the liquidation. A customer saves them as

    {"type": "supportReply", "time": 1629…, "walletBalance": "…", "unrealizedProfit": "…",
     "marginBalance": "…", "maintMargin": "…"}

or pastes the lines into a text file: `Wallet balance: 25,923.05553202 USDT`. Any of the sums may be missing, not all.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from margincall.core.events import AnyEvent, Statement, TotalsPrint
from margincall.wire import answer_keys as keys
from margincall.wire.numbers import BadNumber, decimal_of
from margincall.wire.row import TIME_MAX, TIME_MIN, BadRow, Notes, Row

LABELS: Mapping[str, str] = {
    "wallet balance": "wallet",
    "unrealized pnl": "unrealized",
    "unrealized profit": "unrealized",
    "unrealised pnl": "unrealized",
    "unrealised profit": "unrealized",
    "margin balance": "balance",
    "maintenance margin": "maintenance",
    "time": "time",
}
"""Words before a sum, in lower case -> the sum's name."""
LINE = re.compile(rf"^\W*(?:total\s+)?({'|'.join(LABELS)})\b[^:=\d+−-]*[:=]?\s*(.+?)\s*$", re.IGNORECASE)
AMOUNT = re.compile(r"([+−-]?\s*(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)(?:\s*[A-Z]{2,10})?\.?", re.IGNORECASE)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNDATED = "the support reply has no `time`; its place in the history is not known"


def support_reply(value: object, notes: Notes) -> list[AnyEvent]:
    """A `Statement` of the sums that support named."""
    row = Row(value, keys.SUPPORT_REPLY, notes)
    sums = {name: row.decimal(name) for name in ("wallet", "unrealized", "balance", "maintenance") if name in row}
    return _statement(sums, row.time("time") if "time" in row else 0, notes)


def is_support_text(text: str) -> bool:
    """Whether a text that is no JSON has at least one of the sums behind its label."""
    found = filter(None, map(LINE.match, text.splitlines()))
    return any(LABELS[each[1].lower()] != "time" and any(map(str.isdigit, each[2])) for each in found)


def support_text(text: object, notes: Notes) -> list[AnyEvent]:
    """The same from pasted lines; a sum that cannot be read is noted."""
    sums: dict[str, Decimal] = {}
    time_ms = 0
    for line in str(text).splitlines():
        found = LINE.match(line)
        if found is None:
            continue
        name = LABELS[found[1].lower()]
        try:
            if name == "time":
                time_ms = _time(found[2])
            elif name in sums and sums[name] != _amount(found[2]):
                notes.problem(f"support reply: two values for the {found[1].lower()}", "contradiction", line)
            else:
                sums[name] = _amount(found[2])
        except ValueError as error:
            notes.problem(f"support reply: {found[1].lower()}: {error}", raw=line)
    return _statement(sums, time_ms, notes)


def _statement(sums: Mapping[str, Decimal], time_ms: int, notes: Notes) -> list[AnyEvent]:
    if not sums:
        raise BadRow("support reply: it names none of the four sums")
    if not time_ms:
        notes.problem(UNDATED, "note")
    return [Statement(time_ms=time_ms, source=notes.source, origin="support", totals=TotalsPrint(**sums))]


def _amount(text: str) -> Decimal:
    """An amount with an optional asset behind it and commas between thousands."""
    found = AMOUNT.fullmatch(text.rpartition("=")[2].strip())
    if found is None:
        raise BadNumber(text, "not an amount")
    return decimal_of(found[1].replace(",", "").replace("−", "-").replace(" ", ""))


def _time(text: str) -> int:
    """Milliseconds, or a date and time in UTC; raises `ValueError`."""
    if text.isascii() and text.isdigit():
        time_ms = int(text)
        if not TIME_MIN <= time_ms <= TIME_MAX:
            raise ValueError(f"{text} is no time in milliseconds")
        return time_ms
    iso = re.sub(r"\s*\(?UTC\)?$", "+00:00", text.strip(), flags=re.IGNORECASE)
    moment = datetime.fromisoformat(iso)
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH) // timedelta(milliseconds=1)
