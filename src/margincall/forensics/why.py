"""Why is a figure what it is? Each term as a tree of the terms it was made from, down to what the files print.

The trees are built from the values that gave the figures (margin terms, ledger, events), not computed a second time.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from msgspec import Struct

from margincall.core.account import Account
from margincall.core.margin import AssetTerms, PoolTerms, PositionTerms
from margincall.core.rounding import exact, plain
from margincall.core.units import ZERO
from margincall.forensics.explain import Case, Explained


class Node(Struct, frozen=True):
    """A named figure, how it follows from its parts, and the parts. `note` names the rule or the source."""

    name: str
    value: str
    formula: str = ""
    note: str = ""
    parts: tuple["Node", ...] = ()


class UnknownTerm(LookupError):
    """A term that has no derivation; the message lists those that have."""


def why(explained: Explained, case: Case, term: str) -> Node:
    """The derivation of one term of an explanation. Raises `UnknownTerm`."""
    name = term.removeprefix("verdict.").removeprefix("prices.")
    build = TREES.get(name) or TREES.get(ALIASES.get(name, ""))
    if build is None:
        raise UnknownTerm(f"no derivation of {term!r}; there is one of: {', '.join(TREES)}")
    return build(explained, case)


@exact
def _wallet(explained: Explained, case: Case) -> Node:
    pool = _pool(case)
    if pool is None or case.moment is None:
        return _unknown("wallet_balance", case)
    account = case.moment.account
    parts = tuple(_wallet_of(account, terms, pool, case) for terms in pool.assets)
    formula = "margin balance − unrealised PnL" if pool.kind == "multi" else "opening + everything booked since"
    return Node("wallet_balance", _text(pool.wallet), formula, "docs/spec/margin.md", parts)


def _wallet_of(account: Account, terms: AssetTerms, pool: PoolTerms, case: Case) -> Node:
    if pool.kind == "isolated":
        note = f"isolated wallet of {case.explanation.symbol}: margin moved in, less fees and funding"
        return Node(f"isolated wallet {terms.asset}", _text(terms.wallet), "", note)
    ledger = tuple(
        Node(
            category,
            _text(amount),
            "",
            "opening: first print less what was booked until then" * (category == "opening"),
        )
        for (asset, category), amount in sorted(account.ledger.items())
        if asset == terms.asset
    )
    isolated = account.wallets.get(terms.asset, ZERO) - terms.wallet
    if isolated:
        ledger += (Node("isolated wallets", _text(-isolated), "", "held by isolated positions"),)
    return Node(f"cross wallet {terms.asset}", _text(terms.wallet), "Σ ledger", "", ledger)


@exact
def _unrealized(explained: Explained, case: Case) -> Node:
    pool = _pool(case)
    if pool is None:
        return _unknown("unrealized_pnl", case)
    parts = tuple(_unrealized_of(terms, pool) for terms in pool.positions)
    return Node("unrealized_pnl", _text(pool.unrealized), "Σ over positions", "docs/spec/margin.md", parts)


def _unrealized_of(terms: PositionTerms, pool: PoolTerms) -> Node:
    held = terms.position
    formula = "cost − sign·notional" if terms.contract.is_inverse else "quantity·mark − cost"
    parts = [
        Node("quantity", _text(held.quantity), "Σ fills"),
        Node("mark", _text(terms.mark), "", "mark price at the trigger"),
        Node("cost", _text(held.cost), "Σ quantity·price of the open fills, exact", "docs/spec/rounding.md"),
    ]
    if pool.kind == "multi":
        index = next(each.index.index for each in pool.assets if each.asset == terms.contract.margin_asset)
        parts.append(Node(f"index {terms.contract.margin_asset}", _text(index), "", "multi-assets mode"))
    return Node(f"{terms.symbol} {terms.side}", _text(terms.unrealized), formula, "", tuple(parts))


@exact
def _balance(explained: Explained, case: Case) -> Node:
    pool = _pool(case)
    if pool is None:
        return _unknown("margin_balance", case)
    parts = (_wallet(explained, case), _unrealized(explained, case))
    return Node("margin_balance", _text(pool.balance), "wallet + unrealised PnL", "docs/spec/margin.md", parts)


@exact
def _maintenance(explained: Explained, case: Case) -> Node:
    pool = _pool(case)
    if pool is None:
        return _unknown("maintenance_margin", case)
    parts = tuple(_maintenance_of(terms) for terms in pool.positions)
    return Node("maintenance_margin", _text(pool.maintenance), "Σ over positions", "docs/spec/brackets.md", parts)


def _maintenance_of(terms: PositionTerms) -> Node:
    row = terms.bracket
    size = "|quantity|·contract size / mark" if terms.contract.is_inverse else "|quantity|·mark"
    parts = (
        Node("notional", _text(terms.notional), size),
        Node("rate", _text(row.rate), "", f"row {row.number} ({_text(row.floor)} to {_text(row.cap)})"),
        Node("cum", _text(row.cum), "", f"table of {terms.table.as_of}: {terms.table.source}"),
    )
    return Node(f"{terms.symbol} {terms.side}", _text(terms.maintenance), "notional·rate − cum", "", parts)


@exact
def _ratio(explained: Explained, case: Case) -> Node:
    pool = _pool(case)
    if pool is None:
        return _unknown("margin_ratio", case)
    parts = (_maintenance(explained, case), _balance(explained, case))
    return Node("margin_ratio", _text(pool.ratio), "maintenance / balance", "FAQ 360033525271", parts)


@exact
def _liquidated(explained: Explained, case: Case) -> Node:
    pool = _pool(case)
    if pool is None or case.explanation.verdict.liquidated is None:
        return _unknown("liquidated", case)
    parts = (_balance(explained, case), _maintenance(explained, case))
    answer = "yes" if pool.liquidated else "no"
    return Node("liquidated", answer, "balance ≤ maintenance", "assumed: trigger-comparison", parts)


@exact
def _interval(explained: Explained, case: Case) -> Node:
    pool, moment = _pool(case), case.moment
    if pool is None or moment is None or moment.prices is None or moment.own is None:
        return _unknown("liquidation", case)
    found = moment.prices.liquidation
    others = [terms for terms in pool.positions if terms.symbol != moment.own.symbol]
    parts = [_wallet(explained, case)]
    parts += [_maintenance_of(terms) for terms in others] + [_unrealized_of(terms, pool) for terms in others]
    for terms in pool.positions:
        if terms.symbol == moment.own.symbol:
            parts += [_unrealized_of(terms, pool), _maintenance_of(terms)]
    value = "empty" if found.empty else f"[{_text(found.lower)}, {_text(found.upper)}]"
    formula = "marks at which wallet + unrealised PnL ≥ maintenance, bracket resolved at the answer"
    return Node("liquidation", value, formula, "docs/spec/liquidation_price.md", tuple(parts))


@exact
def _bankruptcy(explained: Explained, case: Case) -> Node:
    moment = case.moment
    if moment is None or moment.prices is None or moment.own is None:
        return _unknown("bankruptcy", case)
    own = moment.own
    formula = "mark at which the position's share of the balance is lost"
    parts = (
        Node("mark", _text(own.mark)),
        Node("quantity", _text(own.quantity)),
        Node("share", moment.rules.assumptions.bankruptcy_split, "", "assumed: bankruptcy-split"),
        _balance(explained, case),
    )
    return Node("bankruptcy", _text(moment.prices.bankruptcy), formula, "docs/spec/bankruptcy_price.md", parts)


@exact
def _clearance(explained: Explained, case: Case) -> Node:
    clearance = case.explanation.clearance
    if case.moment is None or clearance.fee is None:
        return _unknown("clearance", case)
    rate = case.moment.rules.contract(case.incident.symbol).liquidation_fee
    parts = (
        Node("liquidated notional", _text(clearance.base), "Σ |quantity|·price of the liquidation's fills"),
        Node("fee / notional", _text(clearance.rate)),
        Node("rate of the contract", _text(rate), "", "exchangeInfo liquidationFee, where known"),
        Node("collateral before the fee", _text(case.money.before_fee if case.money else None)),
    )
    formula = "printed as INSURANCE_CLEAR; min(rate·notional, collateral left)"
    return Node("clearance", _text(clearance.fee), formula, "assumed: clearance-fee-cap", parts)


def _cause(explained: Explained, case: Case) -> Node:
    cause = case.explanation.cause_since
    if cause is None:
        return _unknown("cause", case)
    parts = (
        Node("surplus before", _text(cause.surplus_before), "balance − maintenance", f"after: {cause.since}"),
        *(Node(term.term, _text(term.amount)) for term in cause.terms),
    )
    return Node("cause", _text(cause.surplus_at_trigger), "surplus before + Σ parts", "docs/spec/cause.md", parts)


@exact
def _entry(explained: Explained, case: Case) -> Node:
    moment = case.moment
    if moment is None or not case.incident.symbol:
        return _unknown("entry", case)
    held = moment.account.position((case.incident.symbol, case.incident.side))
    if not held.quantity:
        return _unknown("entry", case)
    parts = (Node("cost", _text(held.cost), "exact"), Node("quantity", _text(held.quantity)))
    return Node(
        "entry", _text(case.explanation.prices.entry), "cost / quantity, half up", "docs/spec/rounding.md", parts
    )


TREES: Mapping[str, Callable[[Explained, Case], Node]] = {
    "liquidated": _liquidated,
    "wallet_balance": _wallet,
    "unrealized_pnl": _unrealized,
    "margin_balance": _balance,
    "maintenance_margin": _maintenance,
    "margin_ratio": _ratio,
    "entry": _entry,
    "liquidation": _interval,
    "bankruptcy": _bankruptcy,
    "clearance": _clearance,
    "cause": _cause,
}
ALIASES = {
    "balance": "margin_balance",
    "maintenance": "maintenance_margin",
    "ratio": "margin_ratio",
    "wallet": "wallet_balance",
    "unrealised_pnl": "unrealized_pnl",
    "unrealized": "unrealized_pnl",
    "unrealised": "unrealized_pnl",
    "verdict": "liquidated",
    "interval": "liquidation",
    "lower": "liquidation",
    "upper": "liquidation",
    "liquidation.lower": "liquidation",
    "liquidation.upper": "liquidation",
    "liquidation.displayed": "liquidation",
    "fee": "clearance",
    "clearance_fee": "clearance",
    "bankruptcy_price": "bankruptcy",
    "liquidation_price": "liquidation",
    "survives_from": "liquidation",
    "survives_to": "liquidation",
    "bracket": "maintenance_margin",
    "clearance.fee": "clearance",
}


def lines(node: Node, depth: int = 0) -> Iterator[str]:
    """The tree as indented text."""
    tail = "".join(f"   {text}" for text in (f"= {node.formula}" if node.formula else "", node.note) if text)
    yield f"{'  ' * depth}{node.name}: {node.value}{tail}"
    for part in node.parts:
        yield from lines(part, depth + 1)


def _pool(case: Case) -> PoolTerms | None:
    moment = case.moment
    return moment.pool if moment is not None and moment.own_mark_known else None


def _unknown(name: str, case: Case) -> Node:
    hints = [each.settled_by for each in case.explanation.unknown if name in each.term]
    return Node(name, "unknown", "", f"would be settled by: {hints[0]}" if hints else "not in the files")


def _text(value: Decimal | None) -> str:
    return "none" if value is None else format(plain(value), "f")
