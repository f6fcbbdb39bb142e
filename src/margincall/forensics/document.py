"""The machine-readable answer, `margincall.explain/1`. Decimals are strings, times are `*_ms` integers.

The schema is the type `Document`; `json_schema()` is committed as `docs/reference/explain.schema.json`.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from margincall.core.assumptions import BY_ID, Assumption
from margincall.core.checks import FAILS, Finding
from margincall.core.margin import MissingIndex, MissingMark, PoolTerms, margin
from margincall.core.prices import PositionPrices, prices
from margincall.core.rounding import exact, plain
from margincall.core.rules import MissingBrackets
from margincall.forensics.explain import Explained
from margincall.forensics.holdings import PositionTold, WalletTold
from margincall.forensics.sheet import Explanation, Unknown
from margincall.wire.problems import Problem

SCHEMA = "margincall.explain/1"
WHERE_THERE_IS_ONE = frozenset({"goes_on_from"})
"""Keys that are left out where they say nothing."""


class StandingPosition(Struct, frozen=True):
    """One open position after the last event."""

    symbol: str
    position_side: str
    quantity: Decimal
    entry: Decimal | None
    mark: Decimal
    notional: Decimal
    unrealized_pnl: Decimal
    maintenance_margin: Decimal
    rate: Decimal
    cum: Decimal


class StandingPool(Struct, frozen=True):
    """One margin pool after the last event."""

    name: str
    asset: str
    wallet_balance: Decimal
    unrealized_pnl: Decimal
    margin_balance: Decimal
    maintenance_margin: Decimal
    margin_ratio: Decimal | None
    liquidated: bool
    positions: tuple[StandingPosition, ...]


class Standing(Struct, frozen=True):
    """Where the account stands after the last event, at the last known prices."""

    time_ms: int
    pools: tuple[StandingPool, ...]
    prices: tuple[PositionPrices, ...]


class Trouble(Struct, frozen=True):
    """What could not be read or counted, with file, place and raw text."""

    file: str
    place: str
    message: str
    raw: str
    kind: str


class Document(Struct, frozen=True):
    """`margincall.explain/1`. `example`: what an embedded example assumes; `refused`: why an account is not
    modelled; `no_verdict`: why none is derived although nothing is wrong with the account. `wallets` and `positions`
    are given where no liquidation was found, or no verdict can follow."""

    schema: str
    example: tuple[str, ...]
    refused: tuple[str, ...]
    liquidations: tuple[Explanation, ...]
    standing: Standing | None
    findings: tuple[Finding, ...]
    unknown_symbols: tuple[str, ...]
    problems: tuple[Trouble, ...]
    assumptions: tuple[Assumption, ...]
    unknown: tuple[Unknown, ...] = ()
    no_verdict: str = ""
    wallets: tuple[WalletTold, ...] = ()
    positions: tuple[PositionTold, ...] = ()


def document(
    explained: Explained,
    *,
    problems: Sequence[Any] = (),
    refused: Sequence[str] = (),
    example: Sequence[str] = (),
    no_verdict: str = "",
) -> dict[str, Any]:
    """The whole answer as plain values, in the order of the schema."""
    ids = sorted({name for case in explained.cases for name in case.explanation.assumptions})
    found: dict[str, Any] = plain_value(
        Document(
            schema=SCHEMA,
            example=tuple(example),
            refused=tuple(refused),
            liquidations=tuple(case.explanation for case in explained.cases),
            standing=None if refused else standing(explained),
            findings=explained.findings,
            unknown_symbols=explained.unknown_symbols,
            problems=troubles(problems),
            assumptions=tuple(BY_ID[name] for name in ids if name in BY_ID),
            unknown=explained.unknown,
            no_verdict=no_verdict,
            wallets=explained.wallets,
            positions=explained.positions,
        )
    )
    return found


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the answer: names and types, without the prose of the docstrings."""
    found: dict[str, Any] = without_prose(msgspec.json.schema(Document))
    return found


@exact
def standing(explained: Explained) -> Standing | None:
    """Pools and prices after the last event; none without open positions or without their prices."""
    history = explained.history
    if history is None or not history.events:
        return None
    account = history.timeline.last
    symbols = [position.symbol for position in account.open_positions()]
    marks = history.marks.now(symbols, len(history.events))
    when = history.events[-1].time_ms
    rules = history.rules_at(when)
    try:
        terms = margin(account, marks, rules)
    except (MissingMark, MissingIndex, MissingBrackets):
        return None
    if not symbols:
        return None
    return Standing(when, tuple(_standing(pool) for pool in terms.pools), prices(terms, marks, rules))


def differs(explained: Explained) -> bool:
    """Whether anything printed does not hold: exit code 1."""
    findings: Iterable[Finding] = (
        *explained.findings,
        *(each for case in explained.cases for each in case.explanation.findings),
    )
    return any(each.verdict == FAILS for each in findings)


def _standing(pool: PoolTerms) -> StandingPool:
    return StandingPool(
        name=pool.name,
        asset=pool.asset,
        wallet_balance=pool.wallet,
        unrealized_pnl=pool.unrealized,
        margin_balance=pool.balance,
        maintenance_margin=pool.maintenance,
        margin_ratio=pool.ratio,
        liquidated=pool.liquidated,
        positions=tuple(
            StandingPosition(
                symbol=terms.symbol,
                position_side=terms.side,
                quantity=terms.quantity,
                entry=terms.entry,
                mark=terms.mark,
                notional=terms.notional,
                unrealized_pnl=terms.unrealized,
                maintenance_margin=terms.maintenance,
                rate=terms.bracket.rate,
                cum=terms.bracket.cum,
            )
            for terms in pool.positions
        ),
    )


def troubles(problems: Iterable[Problem]) -> tuple[Trouble, ...]:
    """Problems as an answer tells them."""
    return tuple(Trouble(each.file, each.place, each.message, each.raw, each.kind) for each in problems)


def without_prose(schema: Any) -> Any:
    """A JSON Schema without the prose of the docstrings."""
    if isinstance(schema, dict):
        return {key: without_prose(value) for key, value in schema.items() if key != "description"}
    return [without_prose(each) for each in schema] if isinstance(schema, list) else schema


def plain_value(value: Any) -> Any:
    """A value as plain ones, with decimals as strings without trailing zeros."""
    if isinstance(value, Decimal):
        return format(plain(value), "f")
    if isinstance(value, Struct):
        named = {name: getattr(value, name) for name in value.__struct_fields__}
        return {name: plain_value(each) for name, each in named.items() if each or name not in WHERE_THERE_IS_ONE}
    if isinstance(value, list | tuple):
        return [plain_value(each) for each in value]
    if isinstance(value, dict):
        return {key: plain_value(each) for key, each in value.items()}
    return value
