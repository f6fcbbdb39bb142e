"""Rule-sets that come with the package: venues in a box, ready for scenarios and for the soak.

A rule-set is data. Contracts, brackets and rates are those of the venue on a day (`venues`); filters are those of
exchangeInfo where they are known (BTCUSDT, 2026-09-15), else assumed (`contract-filters`). `RuleSet.assumed` names the
unpublished rules that a set rests on. Besides the venues there are two options that Binance does not have, a socialised
loss and a clawback: `docs/spec/waterfall.md`, Losses.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal

from msgspec import structs

from margincall.core.assumptions import Assumptions
from margincall.core.brackets import Bracket, BracketTable
from margincall.core.contract import Contract
from margincall.core.protocol.funding import FundingRules
from margincall.core.rules import FeeRates, VenueRules
from margincall.exchange.rulesets import Filters, Listing, MarkSource, RuleSet
from margincall.venues import binance_protocol as binance
from margincall.venues import dydx
from margincall.venues.embedded import embedded_book
from margincall.venues.registry import contract_of, rules_of, venue_of

TODAY = "2026-09-15"
LINEAR = ("BTCUSDT", "ETHUSDT", "BNBUSDT")
INVERSE = ("BTCUSD_PERP", "ETHUSD_PERP")
LIQUIDATING = (
    "trigger-comparison", "bankruptcy-split", "isolated-release", "clearance-fee-cap", "warning-threshold",
    "cancel-scope", "partial-size", "liquidation-position-order", "liquidation-limit-tick", "no-bankruptcy-price",
    "takeover-scope", "clearance-fee-share", "fund-takeover-limit", "order-margin", "liquidation-account-order",
    "liquidation-self-trade", "liquidation-taker-fee", "takeover-fee", "market-order-margin", "check-order",
    "reduce-only-trim", "trigger-sequence", "asset-mode-open", "isolated-margin-source", "trigger-told",
    "stop-limit-price", "bad-debt-write-off", "takeover-order", "funding-isolated-source",
)  # fmt: skip
QUEUEING = ("deleveraging-pnl", "deleveraging-ties", "deleveraging-lights")
"""Assumptions behind every liquidation, and behind a queue of deleveraging."""

FILTERS: Mapping[str, Filters] = {
    "BTCUSDT": Filters(
        min_price=Decimal("556.80"), max_price=Decimal(4529764), min_quantity=Decimal("0.001"),
        max_quantity=Decimal(1000), max_market_quantity=Decimal(120), min_notional=Decimal(50),
        multiplier_up=Decimal("1.05"), multiplier_down=Decimal("0.95"), market_bound=Decimal("0.05"),
    ),
    "ETHUSDT": Filters(
        min_price=Decimal("39.86"), max_price=Decimal(306177), min_quantity=Decimal("0.001"),
        max_quantity=Decimal(10000), max_market_quantity=Decimal(2000), min_notional=Decimal(20),
        multiplier_up=Decimal("1.05"), multiplier_down=Decimal("0.95"), market_bound=Decimal("0.05"),
    ),
    "BNBUSDT": Filters(
        min_price=Decimal("6.60"), max_price=Decimal(100000), min_quantity=Decimal("0.01"),
        max_quantity=Decimal(100000), max_market_quantity=Decimal(2000), min_notional=Decimal(5),
        multiplier_up=Decimal("1.05"), multiplier_down=Decimal("0.95"), market_bound=Decimal("0.05"),
    ),
    "BTCUSD_PERP": Filters(
        min_price=Decimal(1000), max_price=Decimal(4520958), min_quantity=Decimal(1), max_quantity=Decimal(1000000),
        max_market_quantity=Decimal(60000), multiplier_up=Decimal("1.05"), multiplier_down=Decimal("0.95"),
        market_bound=Decimal("0.05"),
    ),
    "ETHUSD_PERP": Filters(
        min_price=Decimal(33), max_price=Decimal(150698), min_quantity=Decimal(1), max_quantity=Decimal(1000000),
        max_market_quantity=Decimal(60000), multiplier_up=Decimal("1.05"), multiplier_down=Decimal("0.95"),
        market_bound=Decimal("0.05"),
    ),
}  # fmt: skip
"""exchangeInfo of 2026-09-15 for BTCUSDT; the others are assumed in its shape."""

ETHUSD_ROWS = (("0", "30", "0.005", 100), ("30", "200", "0.0065", 75), ("200", "500", "0.01", 50),
               ("500", "1000", "0.02", 25), ("1000", "2000", "0.05", 10), ("2000", "4000", "0.1", 5),
               ("4000", "40000", "0.5", 1))  # fmt: skip
"""No table of ETHUSD_PERP is known: these rows are an illustration in coin, in the shape of BTCUSD_PERP's."""
DYDX_MARKETS: Mapping[str, tuple[str, str, str, int]] = {
    "BTC-USD": ("1", "0.0001", "0.012", 50),
    "ETH-USD": ("0.1", "0.001", "0.012", 50),
}
"""Tick, lot, maintenance rate and highest leverage: one row each, in the shape of the chain's liquidity tiers."""


def usdm(*, day: str = TODAY, marks: MarkSource = "given", hours: int = 8) -> RuleSet:
    """Binance USDⓈ-M as of a day: linear, clearance fee, the fund takes over, a queue is deleveraged."""
    return _binance("usdm", LINEAR, day=day, marks=marks, hours=hours)


def coinm(*, day: str = TODAY, marks: MarkSource = "given", hours: int = 8) -> RuleSet:
    """Binance COIN-M as of a day: inverse contracts, each margined in its coin."""
    return _binance("coinm", INVERSE, day=day, marks=marks, hours=hours)


def dydx_v4(*, day: str = TODAY, marks: MarkSource = "given", hours: int = 1) -> RuleSet:
    """dYdX v4: shares of 10 % at the fillable price, a penalty, no takeover, deleveraging from a seeded start.

    Balance below maintenance triggers, equal does not (its code). Its liquidations pay a penalty and no trading fee;
    here orders have one rate for all (assumed: `liquidation-taker-fee`), so the rates of the set are 0.
    """
    contracts, tables = {}, {}
    for symbol, (tick, lot, rate, leverage) in DYDX_MARKETS.items():
        contracts[symbol] = Contract(
            symbol=symbol, kind="linear", base=symbol.partition("-")[0], quote="USDC", margin_asset="USDC",
            tick=Decimal(tick), lot=Decimal(lot), liquidation_fee=dydx.PENALTY,
        )  # fmt: skip
        row = Bracket(1, Decimal(0), Decimal(10**12), Decimal(rate), Decimal(0), leverage)
        tables[symbol] = BracketTable(symbol, (row,), day, "illustration: a tier of dYdX v4")
    venue = VenueRules(
        "dydx", contracts, tables, FeeRates(Decimal(0), Decimal(0)), Assumptions(trigger="below")
    )  # fmt: skip
    funding = FundingRules(hours=hours, cap=Decimal("0.04"), floor=Decimal("-0.04"), interest=Decimal(0))
    listings = {
        symbol: Listing(
            filters=Filters(min_quantity=contract.lot, market_bound=Decimal("0.05")), mark_source=marks,
            index=binance.index_rules(symbol), funding=funding,
            mark=binance.mark_rules(_moment(day)) if marks == "rule" else None,
        )
        for symbol, contract in contracts.items()
    }  # fmt: skip
    return RuleSet(
        name="dydx", venue=venue, listings=listings, waterfall=dydx.WATERFALL, deleveraging=dydx.DELEVERAGING,
        assumed=("contract-filters", "liquidation-taker-fee", "liquidation-self-trade", "order-margin",
                 "liquidation-account-order", "bankruptcy-split", "liquidation-limit-tick", "improvement-whole-order",
                 "bad-debt-write-off", "funding-isolated-source"),
    )  # fmt: skip


def socialised(*, day: str = TODAY, marks: MarkSource = "given", hours: int = 8) -> RuleSet:
    """USDⓈ-M's contracts with a loss that all holders of the contract bear, once the fund is empty (Drift, Vertex)."""
    return _option(usdm(day=day, marks=marks, hours=hours), "socialised", "socialise")


def clawback(*, day: str = TODAY, marks: MarkSource = "given", hours: int = 8) -> RuleSet:
    """USDⓈ-M's contracts with a loss that winners bear, once the fund is empty (OKX 2018, Deribit, Crypto.com)."""
    return _option(usdm(day=day, marks=marks, hours=hours), "clawback", "claw-back")


CATALOGUE: Mapping[str, Callable[..., RuleSet]] = {
    "usdm": usdm,
    "coinm": coinm,
    "dydx": dydx_v4,
    "socialised": socialised,
    "clawback": clawback,
}
"""All sets by name; each takes `day`, `marks` ("given" or "rule") and `hours` between two fundings."""


def tables_of(symbols: Iterable[str], day: str) -> tuple[dict[str, BracketTable], tuple[str, ...]]:
    """The embedded bracket tables in force on a day, the earliest later one where there is none, and what is assumed
    about them."""
    book, tables, assumed = embedded_book(), {}, list[str]()
    for symbol in symbols:
        known = book.select(symbol, day)
        table = known.table or known.later
        if table is None:
            table, known = _illustrated(symbol, day), structs.replace(known, assumed=("bracket-rows",))
        elif known.table is None:
            known = structs.replace(known, assumed=("bracket-date",))
        tables[symbol] = table
        assumed += known.assumed
    return tables, tuple(dict.fromkeys(assumed))


def _binance(name: str, symbols: tuple[str, ...], *, day: str, marks: MarkSource, hours: int) -> RuleSet:
    tables, assumed = tables_of(symbols, day)
    venue = rules_of(venue_of(symbols[0]), symbols, tables, day=day)
    listings = {symbol: _listing(symbol, tables[symbol], day=day, marks=marks, hours=hours) for symbol in symbols}
    return RuleSet(
        name=name, venue=venue, listings=listings, waterfall=binance.WATERFALL, deleveraging=binance.DELEVERAGING,
        max_waiting_orders=binance.most_waiting(_moment(day)) if symbols == LINEAR else None,
        assumed=(*LIQUIDATING, *QUEUEING, "contract-filters", *assumed),
    )  # fmt: skip


def _listing(symbol: str, table: BracketTable, *, day: str, marks: MarkSource, hours: int) -> Listing:
    at, contract = _moment(day), contract_of(symbol)
    return Listing(
        filters=FILTERS[symbol],
        mark_source=marks,
        index=binance.index_rules(symbol if not contract.is_inverse else contract.base + "USDT"),
        mark=binance.mark_rules(at) if marks == "rule" else None,
        funding=binance.funding_rules(symbol, at, hours=hours, first_rate=table.rows[0].rate),
        intervals=binance.interval_rules(at),
    )


def _option(rules: RuleSet, name: str, after_fund: str) -> RuleSet:
    """The same venue with another rule for losses beyond the fund."""
    return structs.replace(
        rules, name=name, waterfall=structs.replace(rules.waterfall, after_fund=after_fund),
        assumed=(*(each for each in rules.assumed if each not in QUEUEING), "shared-loss-base"),
    )  # fmt: skip


def _illustrated(symbol: str, day: str) -> BracketTable:
    rows, before, cum = [], Decimal(0), Decimal(0)
    for number, (floor, cap, rate, leverage) in enumerate(ETHUSD_ROWS, 1):
        cum += Decimal(floor) * (Decimal(rate) - before)
        before = Decimal(rate)
        rows.append(Bracket(number, Decimal(floor), Decimal(cap), before, cum, leverage))
    return BracketTable(symbol, tuple(rows), day, "illustration: no table is known")


def _moment(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1000
