"""The conditional orders of each account, as the algo routes list them (since 2025-12-09).

Folded from what the exchange says of its waiting orders, so that a restart, which hears the journal again, comes to the
same.

An order that waits is told by its conditional type. Triggered, it has expired as what it was, and lives on under the
same number as a limit or market order, which names its original type; refused then, `TriggerRefused` follows.
"""

from collections.abc import Iterator

import msgspec
from msgspec import structs

from margincall.case.retention import ORDERS, UNFILLED, expires_ms
from margincall.exchange.conditional import TRIGGERED
from margincall.exchange.events import AnyExchangeEvent, TriggerRefused
from margincall.exchange.gate import CONDITIONAL
from margincall.server.archive import Archive
from margincall.wire.prints import PrintedOrder
from margincall.wire.serve_algos import ENDED, AlgoOrder, Status, algo_row

ORDER_ENDED = frozenset({"FILLED", "CANCELED", "EXPIRED", "REJECTED", "EXPIRED_IN_MATCH"})
LIST = "algos"
encoded = msgspec.json.encode


def after(algo: AlgoOrder | None, event: PrintedOrder | TriggerRefused) -> AlgoOrder | None:
    """A conditional order after an event of its number; none for one that none was heard of and that is none."""
    if isinstance(event, PrintedOrder) and event.order_type in CONDITIONAL:
        return _waited(algo, event)
    if algo is None:
        return None
    if isinstance(event, TriggerRefused):
        now = event.time_ms
        return structs.replace(algo, status="REJECTED", updated_ms=now, triggered_ms=now, message=event.text)
    status: Status = "FINISHED" if event.status in ORDER_ENDED else "TRIGGERED"
    return structs.replace(algo, status=status, updated_ms=event.time_ms, actual=event)


def _waited(algo: AlgoOrder | None, event: PrintedOrder) -> AlgoOrder:
    """What is said of it while it waits, and that it waits no more."""
    created_ms = event.time_ms if algo is None else algo.created_ms
    if event.expire_reason == TRIGGERED:
        return AlgoOrder(
            order=event, status="TRIGGERING", created_ms=created_ms, updated_ms=event.time_ms,
            triggered_ms=event.time_ms,
        )  # fmt: skip
    status: Status = "CANCELED" if event.status == "CANCELED" else "EXPIRED" if event.status == "EXPIRED" else "NEW"
    return AlgoOrder(order=event, status=status, created_ms=created_ms, updated_ms=event.time_ms)


class Algos:
    """Those of all accounts: what may change yet by account and number of the order, the rest in the archive."""

    def __init__(self, archive: Archive, *, has_legs: bool) -> None:
        """None yet. `has_legs`: as `algo_row`."""
        self._archive, self._has_legs = archive, has_legs
        self._by_account: dict[str, dict[int, AlgoOrder]] = {}
        self._expired: tuple[int, AlgoOrder] | None = None
        """The one that expired last: a refusal of what it should have become is told right after."""

    def take(self, event: AnyExchangeEvent) -> bool:
        """Hear an event; whether it is of an order that waits and so stands in no list of orders."""
        if isinstance(event, PrintedOrder):
            waits = event.order_type in CONDITIONAL
            if waits or event.original_type:
                self._take(event)
            return waits
        if isinstance(event, TriggerRefused):
            self._take(event)
        return False

    def _take(self, event: PrintedOrder | TriggerRefused) -> None:
        own, number = self._by_account.setdefault(event.account, {}), int(event.order_id)
        before = own.get(number)
        if before is None and self._expired is not None and self._expired[0] == number:
            before = self._expired[1]
        algo = after(before, event)
        if algo is None:
            return
        if algo.status in ENDED:
            own.pop(number, None)
            self._expired = number, algo
            self._keep(event.account, algo)
        else:
            own[number] = algo

    def _keep(self, account: str, algo: AlgoOrder) -> None:
        """Let the archive have one that has ended, as long as the venue keeps it."""
        rule = ORDERS if algo.actual is not None and algo.actual.executed else UNFILLED
        self._archive.add(
            LIST, account, algo.order.symbol, algo.number, time_ms=algo.created_ms,
            keeps_ms=expires_ms(rule, algo.updated_ms), row=encoded(self.row(algo)),
            kind=algo.order.client_order_id,
        )  # fmt: skip

    def row(self, algo: AlgoOrder) -> dict[str, object]:
        """As the questions print it."""
        return algo_row(algo, is_told=True, has_legs=self._has_legs)

    def live(self, account: str, symbol: str | None = None) -> Iterator[AlgoOrder]:
        """Those of an account that have not ended: they wait, or what they became lives."""
        for algo in self._by_account.get(account, {}).values():
            if symbol in (None, algo.order.symbol):
                yield algo

    def waiting(self, account: str, symbol: str | None = None) -> Iterator[AlgoOrder]:
        """Those that wait."""
        return (each for each in self.live(account, symbol) if each.status == "NEW")

    def find(self, account: str, number: int | None, client: str) -> AlgoOrder | None:
        """One that has not ended, by its algo id or its client's."""
        for algo in self.live(account):
            if algo.number == number if number is not None else algo.order.client_order_id == client:
                return algo
        return None
