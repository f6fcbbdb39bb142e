"""The way of a user from a liquidation on the exchange behind the API to the dispute, and what is lost when.

python -m tests.accept.serve_way          # both, with their figures

The table is that of `docs/accept/lost_when.md`, which was made with a recorded server: here an account like its own is
liquidated on a living exchange at the same moment, and rescued by the command at the same ages.
"""

import contextlib
import http.client
import json
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from margincall.case.folder import check
from margincall.case.report import Line, lines
from margincall.errors import FINE
from tests.accept.bullets import Failed, need, passing
from tests.accept.rescue import TABLE, lost_checks
from tests.accept.rescue import table as written
from tests.recorded import account as made
from tests.recorded.server import AGES
from tests.server.commands import Said, margincall
from tests.server.running import Credentials, Process, exchanged

PATIENCE_S = 600
"""So long a jump of the clock by two months may take."""
SYMBOL, PAIR = "BTCUSDT", ("BTCUSDT", "ETHUSDT")
OPENED_MS = made.START + 2 * made.HOUR
"""After the funding of 16:00: none is paid before the event."""
SAFE, TRIGGER = "47700", "47500"
Cells = Mapping[str, tuple[str, ...]]


class Living(Process):
    """A server with a market, and accounts like the recorded one: one for each age, as exports are five a month."""

    def __init__(self, folder: Path) -> None:
        """It stands at the begin of the story, or where it was when it ended."""
        super().__init__(
            folder, "--clock", "simulated", "--start", str(made.START), "--no-limits", "--symbols", ",".join(PAIR)
        )
        self.readers: dict[str, Credentials] = {}
        """The key of each account that can only read."""

    def act(self, path: str, **body: Any) -> Any:
        """Something that the operator does, which must be taken."""
        connection = http.client.HTTPConnection("127.0.0.1", self.control_port, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            token = {"x-control-token": self.told["control_token"]}
            status, answer = exchanged(
                self.control_port, "POST", path, json.dumps(body), token, connection=connection
            )  # fmt: skip
        assert status == 200, (path, answer)
        return answer

    def trade(self, own: Credentials, path: str, **params: object) -> Any:
        """A signed POST, which must be taken."""
        time_ms = self.control("GET", "/clock")["time_ms"]
        status, answer = self.ask("POST", f"/fapi/v1/{path}", {"symbol": SYMBOL, **params}, own, now_ms=time_ms)
        assert status == 200, (path, answer)
        return answer

    def until(self, time_ms: int) -> None:
        """Let the clock go on."""
        self.act("/clock", time_ms=time_ms)

    def quote(self, bid: str, ask: str) -> None:
        """The maker's prices."""
        sides = {name: [{"price": price, "quantity": "100"}] for name, price in (("bids", bid), ("asks", ask))}
        self.act("/commands", command="quote", account="maker", symbol=SYMBOL, **sides)

    def play(self) -> None:
        """The story of `tests/recorded/account.py`, up to the liquidation."""
        self.act("/prices", prices={SYMBOL: "50000", "ETHUSDT": "2000"})
        self.act("/fund", asset="USDT", amount="1000000")
        self.act("/accounts", name="maker", deposits={"USDT": "1000000000"}, leverage={SYMBOL: 1})
        self.quote("49990", "50000")
        traders = [self._account(age) for age in AGES]
        self.until(OPENED_MS)
        for own in traders:
            self.trade(own, "order", side="BUY", type="MARKET", quantity="1")
            self.trade(
                own, "algoOrder", algoType="CONDITIONAL", side="SELL", type="STOP_MARKET", triggerPrice="47000",
                quantity="1", reduceOnly="true",
            )  # fmt: skip
        self.until(OPENED_MS + made.HOUR)
        for own in traders:
            self.trade(own, "positionMargin", amount="100", type="1")
            self.trade(own, "order", side="SELL", type="LIMIT", timeInForce="GTC", price="52000", quantity="1")
        self.quote(TRIGGER, "50000")
        self.until(made.EVENT - made.HOUR)
        self.act("/paths", symbol=SYMBOL, points=[[0, "50000"], [made.HOUR - 60_000, SAFE]])
        self.until(made.EVENT)
        assert not self.control("GET", "/state")["liquidations"]
        self.act("/prices", prices={SYMBOL: TRIGGER})
        liquidated = {each["account"] for each in self.control("GET", "/state")["liquidations"]}
        assert liquidated == {own.account for own in traders}

    def _account(self, age: str) -> Credentials:
        name = f"account-{age}"
        self.act("/accounts", name=name, deposits={"USDT": "3000"}, leverage={SYMBOL: 20}, isolated=[SYMBOL])
        key, reader = (self.act("/keys", account=name, trade=trade) for trade in (True, False))
        self.readers[age] = Credentials(name, reader["key"], reader["secret"])
        return Credentials(name, key["key"], key["secret"])

    def rescue(self, age: str, folder: Path) -> Said:
        """What the command says, so long after the event."""
        self.until(made.EVENT + AGES[age] + 1000)
        base, own = f"http://127.0.0.1:{self.port}", self.readers[age]
        hosts = [word for name in ("fapi", "dapi", "spot") for word in (f"--{name}", base)]
        named = [word for symbol in PAIR for word in ("--symbol", symbol)]
        return margincall(
            "rescue", "--to", str(folder), *hosts, *named, "--event", str(made.EVENT), "--weight", "1000000",
            MARGINCALL_API_KEY=own.key, MARGINCALL_API_SECRET=own.secret,
        )  # fmt: skip


def lost(scratch: Path) -> dict[str, dict[str, Line]]:
    """The story, and a rescue at each age below `scratch` -> per endpoint what it gave. The exchange is started anew
    between: its lists are made again from the journal, and what was forgotten stays so."""
    found, readers = {}, dict[str, Credentials]()
    for age in AGES:
        living = Living(scratch / "exchange")
        try:
            if not readers:
                living.play()
            readers = living.readers = living.readers or readers
            said = living.rescue(age, scratch / age)
            assert said.code == FINE, said
        finally:
            living.end()
        assert margincall("explain", str(scratch / age)).code == FINE
        found[age] = {line.endpoint: line for line in lines(check(scratch / age)[0].entries, made.EVENT)}
    return found


def cells(text: str) -> Cells:
    """The rows of the tables of a page by their names."""
    rows = (line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| "))
    return {name: tuple(each) for name, *each in rows}


def ages(text: str) -> list[str]:
    """What a page says is lost at each age, and what that would have told."""
    return re.findall(r"^\* .*", text, flags=re.MULTILINE)


def unlike(text: str, recorded: str) -> Iterator[str]:
    """In which cells the page of a living server differs from the recorded one: in the words, and in whether anything
    is left. (How many rows are left is each account's own: this venue charges a fee on the order of a liquidation.)"""
    ours, theirs = cells(text), cells(recorded)
    if ours.keys() != theirs.keys():
        yield f"other rows: {sorted(ours.keys() ^ theirs.keys())}"
    for name in ours.keys() & theirs.keys():
        mine, its = (tuple("rows" if each.isdigit() else each for each in of[name]) for of in (ours, theirs))
        if mine != its:
            yield f"{name}: {mine} where the recorded server gives {its}"
    if ages(text) != ages(recorded):
        yield f"said to be lost: {ages(text)} where the recorded server gives {ages(recorded)}"


def lost_when() -> str:
    """A living exchange forgets as the recorded server does: at each age the same is lost."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        text = written(lost(scratch), scratch)
        gone = {age: sorted(lost_checks(scratch / age)) for age in AGES}
    wrong = list(unlike(text, TABLE.read_text(encoding="utf-8")))
    said = "; ".join(f"{age}: {', '.join(names) or 'none lost'}" for age, names in gone.items())
    return need(not wrong, "; ".join([said, *wrong]))


def page() -> str:
    """The how-to page: its commands run, and say what it quotes."""
    return passing("tests/server/test_howto_practise.py", least=1)


def main() -> int:
    """Both; 0 if they hold."""
    for show in (lost_when, page):
        try:
            print(show())
        except Failed as error:
            print("FAIL", error)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
