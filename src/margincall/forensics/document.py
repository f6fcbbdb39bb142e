"""The machine-readable answer, `margincall.explain/1`. Decimals are strings, times are `*_ms` integers."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from msgspec import Struct, to_builtins

from margincall.core.account import Marks
from margincall.core.assumptions import BY_ID
from margincall.core.checks import FAILS, Finding
from margincall.core.margin import MissingIndex, MissingMark, PoolTerms, margin
from margincall.core.prices import PositionPrices, prices
from margincall.core.rounding import exact, plain
from margincall.core.rules import MissingBrackets
from margincall.forensics.explain import Explained
from margincall.forensics.sheet import Explanation

SCHEMA = "margincall.explain/1"


class Standing(Struct, frozen=True):
    """Where the account stands after the last event, at the last known prices."""

    time_ms: int
    pools: tuple[PoolTerms, ...]
    prices: tuple[PositionPrices, ...]


def document(
    explained: Explained, *, problems: Sequence[object] = (), refused: Sequence[str] = (), example: Sequence[str] = ()
) -> dict[str, Any]:
    """The whole answer as plain values, in the order of the schema. `example` holds what an embedded example
    assumes."""
    liquidations = [liquidation(case.explanation) for case in explained.cases]
    ids = sorted({name for case in explained.cases for name in case.explanation.assumptions})
    found = standing(explained)
    return {
        "schema": SCHEMA,
        "example": list(example),
        "refused": list(refused),
        "liquidations": liquidations,
        "standing": _standing(found) if found is not None else None,
        "findings": [finding(each) for each in explained.findings],
        "unknown_symbols": list(explained.unknown_symbols),
        "problems": [to_builtins(problem) for problem in problems],
        "assumptions": [to_builtins(BY_ID[name]) for name in ids if name in BY_ID],
    }


def liquidation(explanation: Explanation) -> dict[str, Any]:
    """One explanation as plain values."""
    return {
        "kind": explanation.kind,
        "symbol": explanation.symbol,
        "position_side": explanation.position_side,
        "time_ms": explanation.time_ms,
        "order_id": explanation.order_id,
        "client_order_id": explanation.client_order_id,
        "verdict": _plain(explanation.verdict),
        "prices": _plain(explanation.prices),
        "bracket": _plain(explanation.bracket),
        "clearance": _plain(explanation.clearance),
        "quantity": _text(explanation.quantity),
        "realized_pnl": _text(explanation.realized_pnl),
        "waterfall": [_plain(step) for step in explanation.waterfall],
        "left": {asset: _text(amount) for asset, amount in explanation.left.items()},
        "cause": [_plain(term) for term in explanation.cause],
        "cause_since": _plain(explanation.cause_detail) if explanation.cause_detail is not None else None,
        "findings": [finding(each) for each in explanation.findings],
        "unknown": [_plain(each) for each in explanation.unknown],
        "assumptions": list(explanation.assumptions),
        "traces": list(explanation.traces),
    }


def finding(each: Finding) -> dict[str, Any]:
    """One finding as plain values."""
    found: dict[str, Any] = _plain(each)
    return found


@exact
def standing(explained: Explained) -> Standing | None:
    """Pools and prices after the last event; none without open positions or without their prices."""
    history = explained.history
    if history is None or not history.events:
        return None
    account = history.timeline.last
    symbols = [position.symbol for position in account.open_positions()]
    known = history.marks.at(symbols, len(history.events))
    marks = Marks({**known.prices, **history.marks.snapshots}, known.indices)
    when = history.events[-1].time_ms
    rules = history.rules_at(when)
    try:
        terms = margin(account, marks, rules)
    except (MissingMark, MissingIndex, MissingBrackets):
        return None
    return Standing(when, terms.pools, prices(terms, marks, rules)) if symbols else None


def differs(explained: Explained) -> bool:
    """Whether anything printed does not hold: exit code 1."""
    findings: Iterable[Finding] = (
        *explained.findings,
        *(each for case in explained.cases for each in case.explanation.findings),
    )
    return any(each.verdict == FAILS for each in findings)


def _standing(found: Standing) -> dict[str, Any]:
    return {
        "time_ms": found.time_ms,
        "pools": [
            {
                "name": pool.name,
                "asset": pool.asset,
                "wallet_balance": _text(pool.wallet),
                "unrealized_pnl": _text(pool.unrealized),
                "margin_balance": _text(pool.balance),
                "maintenance_margin": _text(pool.maintenance),
                "margin_ratio": _text(pool.ratio),
                "liquidated": pool.liquidated,
                "positions": [
                    {
                        "symbol": terms.symbol,
                        "position_side": terms.side,
                        "quantity": _text(terms.quantity),
                        "entry": _text(terms.entry),
                        "mark": _text(terms.mark),
                        "notional": _text(terms.notional),
                        "unrealized_pnl": _text(terms.unrealized),
                        "maintenance_margin": _text(terms.maintenance),
                        "rate": _text(terms.bracket.rate),
                        "cum": _text(terms.bracket.cum),
                    }
                    for terms in pool.positions
                ],
            }
            for pool in found.pools
        ],
        "prices": [_plain(each) for each in found.prices],
    }


def _plain(value: Any) -> Any:
    """A struct as plain values, with decimals as strings without trailing zeros."""
    if isinstance(value, Decimal):
        return _text(value)
    if isinstance(value, Struct):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return value


def _text(value: Decimal | None) -> str | None:
    return None if value is None else format(plain(value), "f")
