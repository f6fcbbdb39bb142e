"""What one command did, told again from its events alone: accounts folded step by step, and the moments that the laws
of a venue (`laws`) speak of.

An account *is* the fold of its events; here that is taken at its word. Nothing is read from the engine's accounts.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from msgspec import Struct

from margincall.core.account import Account, AssetIndex, Marks
from margincall.core.events import Fill, Flow, IndexPrice, MarginMove, MarkPrice, Setting
from margincall.core.fold import fold
from margincall.core.margin import PoolTerms, Terms, margin
from margincall.core.protocol.moves import FEES, VENUE_ACCOUNTS
from margincall.core.units import Price
from margincall.exchange.commands import AnyCommand
from margincall.exchange.events import (
    AccountOpened,
    AnyExchangeEvent,
    Deleveraged,
    LiquidationEnded,
    LiquidationStarted,
    LiquidationStep,
    LossShared,
    Moved,
)
from margincall.exchange.rulesets import RuleSet
from margincall.exchange.state import Exchange

TOLD = (LiquidationStarted, LiquidationStep, LiquidationEnded, Deleveraged, LossShared)


class Moment(Struct, frozen=True):
    """How everybody stood just before an event of a liquidation; `place` is the event's among those of the command."""

    place: int
    event: AnyExchangeEvent
    accounts: Mapping[str, Account]
    marks: Marks


class Around(Struct, frozen=True, kw_only=True):
    """One command with all that its events say. `desk` is the first event of the desk, none if it did nothing."""

    rules: RuleSet
    command: AnyCommand
    events: list[AnyExchangeEvent]
    before: Moment
    moments: list[Moment]
    after: Moment
    state: Exchange
    shadow: "Shadow"

    def of(self, kind: type | tuple[type, ...]) -> list[Moment]:
        """The moments of some kind of event."""
        return [each for each in self.moments if isinstance(each.event, kind)]

    def pool(self, moment: Moment, name: str, pool: str) -> PoolTerms | None:
        """A pool of an account at a moment."""
        terms = self.shadow.terms(name, moment)
        return next((each for each in terms.pools if each.name == pool), None)

    def since(self, place: int, back_to: type) -> list[Moment]:
        """The moments before a place, back to the last of some kind of event."""
        found: list[Moment] = []
        for each in reversed(self.moments):
            if each.place < place:
                if isinstance(each.event, back_to):
                    break
                found.append(each)
        return found[::-1]


class Shadow:
    """Accounts and prices of the exchange as its events tell them."""

    def __init__(self, state: Exchange) -> None:
        """Begins with an exchange in which nothing has happened."""
        self.rules = state.rules
        self.accounts: dict[str, Account] = {name: Account() for name in VENUE_ACCOUNTS}
        self.prices: dict[str, Price] = {}
        self.indices: dict[str, AssetIndex] = {}
        self.deposits: dict[str, Decimal] = {}
        self.liquidated: set[tuple[str, str]] = set()
        self.trades = 0
        self._terms: dict[str, tuple[Account, tuple[object, ...], Terms]] = {}

    def tell(self, state: Exchange, command: AnyCommand, events: list[AnyExchangeEvent]) -> Around:
        """Fold the events of one command."""
        before = self._moment(-1, events[0]) if events else self._moment(-1, None)
        moments = []
        for place, event in enumerate(events):
            if isinstance(event, TOLD) or (isinstance(event, Fill) and event.close) or _is_loss(event):
                moments.append(self._moment(place, event))
            self.apply(event)
        after = self._moment(len(events), None)
        return Around(
            rules=self.rules, command=command, events=events, before=before, moments=moments, after=after,
            state=state, shadow=self,
        )  # fmt: skip

    def apply(self, event: AnyExchangeEvent) -> None:
        """One event."""
        match event:
            case Fill() | Flow() | MarginMove() | Setting():
                self.accounts[event.account] = fold(self.accounts[event.account], event, self.rules.venue)
                if isinstance(event, Fill):
                    self._fee(event)
                elif isinstance(event, Flow) and event.category == "transfer":
                    for asset, amount in event.applied.items():
                        self.deposits[asset] = self.deposits.get(asset, Decimal(0)) + amount
            case AccountOpened():
                self.accounts[event.account] = Account()
            case MarkPrice():
                self.prices = {**self.prices, event.symbol: Price(event.price)}
            case IndexPrice():
                self.indices = {**self.indices, event.asset: AssetIndex(event.index, event.bid, event.ask)}
            case LiquidationStarted():
                self.liquidated.add((event.account, event.pool))
            case _:
                pass

    def terms(self, name: str, moment: Moment) -> Terms:
        """Where an account stands at a moment; computed anew only if it or a price of its own has moved."""
        account = moment.accounts[name]
        prices = tuple(moment.marks.prices.get(each.symbol) for each in account.open_positions())
        about = (*prices, moment.marks.indices if account.multi_assets else None)
        known = self._terms.get(name)
        if known is not None and known[0] is account and known[1] == about:
            return known[2]
        found = margin(account, moment.marks, self.rules.venue)
        self._terms[name] = account, about, found
        return found

    def _fee(self, fill: Fill) -> None:
        """What the fee account gets of a fill stands in the fill."""
        if fill.fee:
            asset = fill.fee_asset or self.rules.venue.contract(fill.symbol).margin_asset
            paid = Flow(time_ms=fill.time_ms, applied={asset: fill.fee}, category="commission", reason="COMMISSION")
            self.accounts[FEES] = fold(self.accounts[FEES], paid, self.rules.venue)
        self.trades += 1

    def _moment(self, place: int, event: AnyExchangeEvent | None) -> Moment:
        return Moment(place, event, dict(self.accounts), Marks(self.prices, self.indices))  # type: ignore[arg-type]


def traders(accounts: Iterable[str]) -> list[str]:
    """The names of traders, sorted, without the venue's own."""
    return sorted(name for name in accounts if name not in VENUE_ACCOUNTS)


def _is_loss(event: AnyExchangeEvent) -> bool:
    return isinstance(event, Moved) and event.reason != "funding"
