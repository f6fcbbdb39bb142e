"""Answers about a state -> `Statement`: `account`, `balance` and `positionRisk`, in all their versions.

An answer does not print when it was made. The time taken is the latest change of what it lists, so it is a lower
bound: marks and unrealised profits in it are later. Where no row prints a time it is 0, and noted.
"""

from collections.abc import Sequence
from itertools import groupby

from msgspec import structs

from margincall.core.events import AnyEvent, BalancePrint, PositionPrint, Setting, Statement, TotalsPrint
from margincall.wire import answer_keys as keys
from margincall.wire.kinds import CREDIT_ASSETS
from margincall.wire.problems import Problem
from margincall.wire.reading import Reading
from margincall.wire.row import MARGIN_TYPES, Notes, Row, asset_of, each, place_of, symbol_of

UNDATED = "the answer prints no time of change; its place in the history is not known"


def position_risk(value: object, notes: Notes) -> list[AnyEvent]:
    """One row of `positionRisk` (v1 COIN-M, v2, v3) -> a statement of one position; `joined` puts rows together.

    A liquidation price of 0, "there is none", is kept as printed. v3 prints no margin type: an isolated wallet
    that is not 0 shows it.
    """
    row = Row(value, keys.POSITION_RISK, notes)
    symbol = symbol_of(row)
    if row.flag("auto_margin"):
        notes.refuse("auto_margin", f"`isAutoAddMargin` of {symbol} is true", symbol)
    found = PositionPrint(
        symbol=symbol,
        side=row.side(),
        quantity=row.decimal("quantity"),
        entry=row.decimal_or_none("entry"),
        unrealized=row.decimal_or_none("unrealized"),
        margin=row.chosen("margin", MARGIN_TYPES) if "margin" in row else None,
        isolated_wallet=row.decimal_or_none("isolated_wallet"),
        mark=row.nonzero("mark"),
        maintenance=row.decimal_or_none("maintenance"),
        liquidation_price=row.decimal_or_none("liquidation_price"),
        leverage=row.integer_or_none("leverage"),
    )
    return [
        Statement(
            time_ms=row.time_or_zero("update_time"),
            source=notes.source,
            origin="position_risk",
            positions=(_isolated(found),),
        )
    ]


def account(value: object, notes: Notes) -> list[AnyEvent]:
    """An `account` answer (v1 COIN-M, v2, v3) -> a statement with totals, balances and positions.

    v2 says whether multi-assets mode is on, too, as a `Setting` of unknown time (0).
    """
    row = Row(value, keys.ACCOUNT, notes)
    times: list[int] = []
    assets = each(row.value("assets"), lambda each: _asset(each, notes, times), notes)
    positions = each(row.value("positions"), lambda each: _position(each, notes, times), notes)
    totals = TotalsPrint(
        wallet=row.decimal_or_none("wallet"),
        unrealized=row.decimal_or_none("unrealized"),
        balance=row.decimal_or_none("balance"),
        maintenance=row.decimal_or_none("maintenance"),
    )
    statement = Statement(
        time_ms=max(times, default=0),
        source=notes.source,
        origin="account",
        balances=tuple(assets),
        positions=tuple(positions),
        totals=None if totals == TotalsPrint() else totals,
    )
    if "multi_assets" not in row:
        return [statement]
    return [Setting(time_ms=0, source=notes.source, multi_assets=row.flag("multi_assets")), statement]


def balance(value: object, notes: Notes) -> list[AnyEvent]:
    """One row of a `balance` answer -> a statement of one balance; `joined` puts rows together."""
    times: list[int] = []
    found = _asset(value, notes, times)
    return [Statement(time_ms=max(times), source=notes.source, origin="account", balances=(found,))]


def _asset(value: object, notes: Notes, times: list[int]) -> BalancePrint:
    row = Row(value, keys.ACCOUNT_ASSET, notes)
    found = BalancePrint(
        asset=asset_of(row),
        wallet=row.decimal("wallet"),
        cross_wallet=row.decimal_or_none("cross_wallet"),
        maintenance=row.decimal_or_none("maintenance"),
        unrealized=row.decimal_or_none("unrealized"),
    )
    times.append(row.time_or_zero("update_time"))
    if found.asset in CREDIT_ASSETS and found.wallet:
        notes.refuse("credits", f"a balance of {found.wallet} {found.asset}")
    return found


def _position(value: object, notes: Notes, times: list[int]) -> PositionPrint:
    row = Row(value, keys.ACCOUNT_POSITION, notes)
    found = PositionPrint(
        symbol=symbol_of(row),
        side=row.side(),
        quantity=row.decimal("quantity"),
        entry=row.decimal_or_none("entry"),
        unrealized=row.decimal_or_none("unrealized"),
        margin=row.chosen("margin", MARGIN_TYPES) if "margin" in row else None,
        isolated_wallet=row.decimal_or_none("isolated_wallet"),
        maintenance=row.decimal_or_none("maintenance"),
        leverage=row.integer_or_none("leverage"),
    )
    times.append(row.time_or_zero("update_time"))
    return _isolated(found)


def _isolated(found: PositionPrint) -> PositionPrint:
    """The print with its margin type, where only the isolated wallet tells."""
    if found.margin is None and found.isolated_wallet:
        return structs.replace(found, margin="isolated")
    return found


def joined(readings: Sequence[Reading]) -> list[Reading]:
    """The readings of one answer, with consecutive rows of `positionRisk` or `balance` as one statement each."""
    found: list[Reading] = []
    for origin, group in groupby(readings, _row_origin):
        rows = list(group)
        if origin is not None:
            rows = [_together(rows)]
        found.extend(rows)
    return found


def _row_origin(found: Reading) -> str | None:
    """What a reading is a row of; none if it stands alone."""
    match found.events:
        case (Statement(origin="position_risk") as only,) if not found.stream:
            return only.origin
        case (Statement(origin="account", totals=None, positions=(), balances=(_,)) as only,) if not found.stream:
            return only.origin
    return None


def _together(rows: Sequence[Reading]) -> Reading:
    statements = [event for each in rows for event in each.events if isinstance(event, Statement)]
    whole = structs.replace(
        statements[0],
        time_ms=max(each.time_ms for each in statements),
        balances=tuple(found for each in statements for found in each.balances),
        positions=tuple(found for each in statements for found in each.positions),
    )
    return Reading(
        (whole,),
        tuple(found for each in rows for found in each.problems),
        tuple(found for each in rows for found in each.unmodelled),
    )


def dated(found: Reading) -> Reading:
    """The reading with a note for each statement whose time is not known."""
    undated = tuple(
        Problem(event.source.file, place_of(event.source), f"{event.origin}: {UNDATED}", kind="note")
        for event in found.events
        if isinstance(event, Statement) and event.origin in ("account", "position_risk") and not event.time_ms
    )
    return structs.replace(found, problems=(*found.problems, *undated)) if undated else found
