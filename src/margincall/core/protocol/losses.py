"""Who bears a loss that a liquidated trader's collateral did not cover: the fund, and, on venues that had such rules,
all holders of the contract or the winners.

Each function gives the amounts and the moves that book them. Rules and sources: `docs/spec/waterfall.md`.
"""

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from margincall.core.protocol.moves import BAD_DEBT, FUND, REMAINDER, Move, MoveReason, move
from margincall.core.rounding import AMOUNT_UNIT, amount_up, booked, exact, quotient, to_step_up, wide
from margincall.core.units import ZERO, Collateral, Quantity


class Cover(Struct, frozen=True):
    """What of a loss is paid, what is left, and the moves that book it."""

    paid: Collateral
    left: Collateral
    moves: tuple[Move, ...]


class Shared(Struct, frozen=True):
    """A loss shared out. `rate` is per unit of quantity (socialised loss, in the margin asset) or per unit of profit
    (clawback); `charges` by holder; `left` is what nobody can be charged for."""

    rate: Decimal
    charges: Mapping[str, Collateral]
    left: Collateral
    moves: tuple[Move, ...]


@exact
def fund_pays(debtor: str, asset: str, loss: Decimal, fund: Decimal) -> Cover:
    """The fund brings a negative balance back towards 0: `min(loss, what the fund has)`."""
    assert loss >= 0, "a loss is not negative"
    paid = min(loss, max(fund, ZERO))
    moves = move("negative_balance", FUND, debtor, asset, paid)
    return Cover(Collateral(paid), Collateral(loss - paid), moves)


def write_off(debtor: str, asset: str, loss: Decimal) -> tuple[Move, ...]:
    """What nobody has covered of a debt becomes the venue's bad debt: the debtor's wallet is back at 0, and that of
    `bad_debt` so much lower (assumed: `bad-debt-write-off`)."""
    assert loss >= 0, "a loss is not negative"
    return move("bad_debt", BAD_DEBT, debtor, asset, loss)


@exact
def socialise(
    debtor: str, asset: str, loss: Decimal, holdings: Mapping[str, Quantity], *, unit: Decimal = AMOUNT_UNIT
) -> Shared:
    """Socialised loss per contract: both sides pay `loss / (long + short)` for each unit they hold, rounded up to
    `unit`; what rounding collects too much goes to the remainder (Drift, Vertex)."""
    assert loss >= 0, "a loss is not negative"
    total = sum((abs(quantity) for quantity in holdings.values()), ZERO)
    if not total or not loss:
        return Shared(ZERO, {}, Collateral(loss), ())
    rate = to_step_up(loss / total, unit)
    charges = {name: Collateral(amount_up(abs(holdings[name]) * rate)) for name in sorted(holdings) if holdings[name]}
    moves = (
        *_collected("socialised_loss", asset, charges),
        *move("socialised_loss", REMAINDER, debtor, asset, loss),
    )
    return Shared(rate, charges, Collateral(ZERO), moves)


@wide
def claw_back(
    debtor: str, asset: str, loss: Decimal, profits: Mapping[str, Decimal], *, minimum: Decimal = ZERO
) -> Shared:
    """Clawback: each profit pays `loss / Σ profits` of itself, at most all of it, truncated to 8 decimals; losers pay
    nothing (OKX 2018, Deribit, Crypto.com). With a `minimum` rate, what it raises beyond the loss goes to the fund."""
    assert loss >= 0, "a loss is not negative"
    winners = {name: profits[name] for name in sorted(profits) if profits[name] > 0}
    total = sum(winners.values(), ZERO)
    if not total or not loss:
        return Shared(ZERO, {}, Collateral(loss), ())
    raised = max(min(loss, total), booked(minimum * total))
    paid = booked(min(loss, total))
    charges = {name: Collateral(booked(raised * gain / total)) for name, gain in winners.items()}
    moves = (
        *_collected("clawback", asset, charges),
        *move("clawback", REMAINDER, debtor, asset, paid),
        *move("clawback", REMAINDER, FUND, asset, booked(raised) - paid),
    )
    return Shared(quotient(raised, total), charges, Collateral(loss - paid), moves)


def _collected(reason: MoveReason, asset: str, charges: Mapping[str, Collateral]) -> list[Move]:
    """All charges into the remainder, which pays out the loss and keeps or bears what rounding leaves."""
    return [each for name, amount in charges.items() for each in move(reason, name, REMAINDER, asset, amount)]
