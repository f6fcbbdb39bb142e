"""Disputes as the exchange keeps them: an account opens one, the desk decides it, and the refund is booked.

The desk itself looks at the journal, which the exchange does not see: `exchange/judgement.py`. Rules:
`docs/spec/disputes.md`.
"""

from bisect import bisect_left
from decimal import Decimal
from typing import Literal

from msgspec import structs

from margincall.core.protocol.moves import FUND, move
from margincall.core.rounding import booked
from margincall.core.units import ZERO
from margincall.exchange.commands import Decide, Dispute
from margincall.exchange.events import Disputed, DisputeDecided
from margincall.exchange.ledger import book_moves
from margincall.exchange.rejections import Code, Refusal
from margincall.exchange.settings import check_amount, check_asset
from margincall.exchange.state import DisputeEntry, Events, Exchange, Liquidation, Trader


def open_dispute(state: Exchange, trader: Trader, command: Dispute, events: Events) -> None:
    """Take in a dispute of one of the account's own liquidations, or of one for which it was deleveraged or charged;
    each once."""
    line = _line(state, command.liquidation)
    is_own = line is not None and line.account == trader.name
    about = "liquidation" if is_own else _hit(state, trader, command.liquidation)
    if about is None:
        raise Refusal(Code.NO_SUCH_LIQUIDATION)
    number, hit = state.next_dispute, (command.liquidation, trader.name)
    if (command.liquidation in state.disputed) if is_own else (hit in state.hits_disputed):
        raise Refusal(Code.ALREADY_DISPUTED)
    state.next_dispute += 1
    if is_own:
        state.disputed[command.liquidation] = number
    else:
        state.hits_disputed[hit] = number
    state.disputes[number] = DisputeEntry(
        number=number, account=trader.name, liquidation=command.liquidation, about=about,
        pool=line.pool if line is not None and is_own else "", opened_ms=state.time_ms,
    )  # fmt: skip
    events.append(Disputed(time_ms=state.time_ms, number=number, account=trader.name, liquidation=command.liquidation))


def _hit(state: Exchange, trader: Trader, number: int) -> Literal["deleveraging", "shared_loss"] | None:
    """What another's liquidation did to an account, by the public histories."""
    if any(each.number == number and each.account == trader.name for each in state.deleveraged):
        return "deleveraging"
    if any(each.number == number and each.account == trader.name for each in state.shared_losses):
        return "shared_loss"
    return None


def disputable(state: Exchange, account: str) -> list[int]:
    """The numbers of the liquidations that an account can dispute: its own, and those for which it was deleveraged or
    charged."""
    lines = (state.liquidations, state.deleveraged, state.shared_losses)
    return sorted({each.number for kind in lines for each in kind if each.account == account})


def decide(state: Exchange, command: Decide, events: Events) -> None:
    """Book the desk's answer: the fund refunds what it has of it, and what it has not is told."""
    entry = state.disputes.get(command.number)
    if entry is None or entry.status != "open":
        raise Refusal(Code.NO_OPEN_DISPUTE)
    _check_refund(state, state.traders[entry.account], command)
    paid = {asset: amount for asset in sorted(command.refund) if (amount := _payable(state, command, asset))}
    unpaid = {asset: left for asset, amount in command.refund.items() if (left := amount - paid.get(asset, ZERO))}
    for asset, amount in paid.items():
        book_moves(state, move("refund", FUND, entry.account, asset, amount), events)
    entry = structs.replace(
        entry,
        status="upheld" if command.upheld else "rejected",
        decided_ms=state.time_ms,
        refund=paid,
        unpaid=unpaid,
        findings=command.findings,
    )
    state.disputes[entry.number] = entry
    events.append(
        DisputeDecided(
            time_ms=state.time_ms, number=entry.number, account=entry.account, liquidation=entry.liquidation,
            upheld=command.upheld, refund=paid, findings=command.findings, unpaid=unpaid,
        )
    )  # fmt: skip


def history(state: Exchange, account: str = "") -> tuple[DisputeEntry, ...]:
    """The disputes by number: of one account, or all."""
    return tuple(state.disputes[number] for number in sorted(state.disputes) if _is_of(state.disputes[number], account))


def _is_of(entry: DisputeEntry, account: str) -> bool:
    return account in ("", entry.account)


def _line(state: Exchange, number: int) -> Liquidation | None:
    """The first line of a liquidation in the public history, which is in the order of the numbers."""
    place = bisect_left(state.liquidations, number, key=_number)
    found = state.liquidations[place] if place < len(state.liquidations) else None
    return found if found is not None and found.number == number else None


def _check_refund(state: Exchange, trader: Trader, command: Decide) -> None:
    if command.refund and not command.upheld:
        raise Refusal(Code.BAD_COMBINATION, "refund")
    for asset, amount in command.refund.items():
        check_asset(state, asset)
        if trader.account.multi_assets and asset not in state.indices:
            raise Refusal(Code.BAD_ASSET)
        check_amount(amount)
        if amount < 0:
            raise Refusal(Code.AMOUNT_NOT_POSITIVE)


def _payable(state: Exchange, command: Decide, asset: str) -> Decimal:
    """What the fund has of a refund."""
    return booked(min(command.refund[asset], max(state.fund.account.wallets.get(asset, ZERO), ZERO)))


def _number(line: Liquidation) -> int:
    return line.number
