"""The exchange's public histories, asked: what the insurance fund did, what was liquidated, who was deleveraged,
who was charged for another's loss.

Each is in the order of time. A span of time is in milliseconds with both ends included; what is not given does not
limit. What a line says: `docs/spec/liquidation_desk.md`, Histories.
"""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from margincall.exchange.state import DeleveragingLine, Exchange, FundEntry, Liquidation, SharedLossLine

Line = TypeVar("Line", FundEntry, Liquidation, DeleveragingLine, SharedLossLine)


def fund(
    state: Exchange, *, asset: str = "", since_ms: int | None = None, until_ms: int | None = None
) -> tuple[FundEntry, ...]:
    """Changes of the fund's wallet, of one asset or of all."""
    return tuple(
        each for each in _within(state.fund_history, since_ms, until_ms) if asset in ("", each.asset)
    )  # fmt: skip


def liquidations(
    state: Exchange, *, account: str = "", symbol: str = "", since_ms: int | None = None, until_ms: int | None = None
) -> tuple[Liquidation, ...]:
    """Positions that were liquidated: of one account, of one symbol."""
    return tuple(
        each
        for each in _within(state.liquidations, since_ms, until_ms)
        if account in ("", each.account) and symbol in ("", each.symbol)
    )


def deleveragings(
    state: Exchange, *, account: str = "", symbol: str = "", since_ms: int | None = None, until_ms: int | None = None
) -> tuple[DeleveragingLine, ...]:
    """Positions that were closed for somebody else's liquidation; `account` is on either side of it."""
    return tuple(
        each
        for each in _within(state.deleveraged, since_ms, until_ms)
        if account in ("", each.account, each.counterparty) and symbol in ("", each.symbol)
    )


def shared_losses(
    state: Exchange, *, account: str = "", asset: str = "", since_ms: int | None = None, until_ms: int | None = None
) -> tuple[SharedLossLine, ...]:
    """What accounts were charged for somebody else's liquidation; `account` is on either side of it."""
    return tuple(
        each
        for each in _within(state.shared_losses, since_ms, until_ms)
        if account in ("", each.account, each.counterparty) and asset in ("", each.asset)
    )


def _within(lines: Iterable[Line], since_ms: int | None, until_ms: int | None) -> Iterator[Line]:
    for each in lines:
        if (since_ms is None or since_ms <= each.time_ms) and (until_ms is None or each.time_ms <= until_ms):
            yield each
