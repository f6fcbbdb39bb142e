"""The lines about one closing and about the account: margin left, the insurance fund, deleveraging, clawback, dispute.

Rules are those of Binance's public pages; of another venue only what its files book is told.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from margincall.case.dispute_amounts import IN_FAVOUR, Owed
from margincall.core.checks import HOLDS, UNCLEAR
from margincall.core.events import Flow
from margincall.core.rounding import exact, plain
from margincall.core.units import ZERO
from margincall.forensics.explain import Case
from margincall.forensics.holdings import wallets_of
from margincall.forensics.reconstruct import Reconstruction
from margincall.forensics.sheet import Explanation, Step
from margincall.forensics.verify.check import IRREGULAR, REGULAR, Irregularity, Judged

Says = Literal["amount", "nothing", "cannot tell"]
Firm = Literal["booked", "derived", "published", "press", "commentary", "unknown"]
"""How firm a line is: booked by the venue in these files; derived from them by the rules; said by the venue's public
pages; by newspapers; by a commentator; or nobody can tell."""

LIQUIDATION = "FAQ 360033525271 (liquidation protocols)"
FUND = "FAQ 360033525371 (insurance fund, text of 2019-09)"
DELEVERAGING = "FAQ 360033525471 (auto-deleveraging)"
NO_CLAWBACK = f"{LIQUIDATION}, {FUND}, {DELEVERAGING}: none of them has one"
CHAIN = "no public page of the venue has it: its chain is order, insurance fund, deleveraging"
DEBIT, CREDIT = "debit called adjustment", "credit called adjustment"
BY_DISPUTE = "margincall dispute"
"""Where a line stands for something that this command asks for."""
ASKED = f"the reason of the adjustment, from the venue: {BY_DISPUTE} asks for it"
FILES = "your files"
NO_SOURCE = "no source read"
WENT_ON = (
    "the venue closed more right after it: what is left in the end stands with the last of them, see what follows; the "
    "unrealised loss of what was still open is not taken off"
)
LEFT_SO_FAR = "in the wallet after this order"
AFTER = "once this liquidation was booked; later trades and transfers are not in it"
WITH_FIRST = "what is asked for it stands with the order that it goes on from"
NEGATIVE = (
    "a negative balance is made good by the fund every ten minutes where multi-assets mode is off, nothing is open in "
    "the account, and you did not pay in to cover it; else ask the venue"
)


class Line(Struct, frozen=True):
    """One thing: an amount, nothing, or that nobody can tell. `amount` is signed for the account; `where` says where it
    lies or to whom it went."""

    what: str
    says: Says
    amount: Decimal | None = None
    asset: str = ""
    where: str = ""
    firm: Firm = "unknown"
    source: str = ""
    note: str = ""
    settled_by: str = ""


@exact
def lines_of(history: Reconstruction, case: Case, *, went_on: bool = False) -> tuple[Line, ...]:
    """The lines about one closing; `went_on` says that another followed at once."""
    is_known = history.book.elsewhere is None
    lines = [*_left(case, went_on=went_on), *_clearance(case, is_known=is_known), *_takeover(case, is_known=is_known)]
    lines += _made_good(history, case, is_known=is_known)
    if case.explanation.kind == "adl":
        lines.append(_deleveraged(case, is_known=is_known))
    return tuple(lines)


@exact
def account_lines(history: Reconstruction, cases: Sequence[Case]) -> tuple[Line, ...]:
    """The lines about the account as a whole."""
    return (
        *_wallets(history),
        *_fund_refunds(history),
        _fund_rule(history),
        *_deleveraging(history, cases),
        *_clawback(history),
    )


def dispute_lines(judged: Judged | None, owed: Owed | None = None) -> tuple[Line, ...]:
    """Whether a closing may be disputed, by what its verification concluded; none: it was not verified. `owed` is what
    `margincall dispute` asks for it."""
    what = "may be disputed"
    if judged is None:
        return (Line(what, "cannot tell", settled_by="margincall verify"),)
    untold = [each for each in judged.checks if each.verdict == UNCLEAR]
    if judged.conclusion == IRREGULAR:
        return _irregular(what, judged.irregularities, [owed] if owed is not None else [])
    if judged.conclusion == REGULAR:
        note = "nothing irregular was found, so a dispute is not advised"
        note += f"; {len(untold)} of {len(judged.checks)} checks cannot be told from these files" if untold else ""
        return (Line(what, "nothing", None, "", "", "derived", FILES, note),)
    settled_by = "; ".join(dict.fromkeys(each.settled_by for each in untold if each.settled_by))
    return (Line(what, "cannot tell", source=FILES, settled_by=settled_by or "files that margincall verify names"),)


def account_dispute(irregular: Sequence[Irregularity], owed: Sequence[Owed] = ()) -> tuple[Line, ...]:
    """What is irregular of what was booked beside the closings (funding, commissions, shared losses); nothing else.
    `owed` is what `margincall dispute` asks for each booking."""
    return _irregular("bookings that may be disputed", irregular, owed) if irregular else ()


def _irregular(what: str, irregular: Sequence[Irregularity], owed: Sequence[Owed]) -> tuple[Line, ...]:
    """A line for each asset that a dispute asks for; one without an amount where none follows from the files."""
    found = "; ".join(f"{each.kind}: {each.says}" for each in irregular)
    where, settled_by = BY_DISPUTE, "the venue's decision"
    lost = [each for each in owed if each.is_loss]
    total: dict[str, Decimal] = {}
    for each in lost:
        for asset, amount in each.refund.items():
            total[asset] = total.get(asset, ZERO) + amount
    how = "; ".join(dict.fromkeys(each.how for each in lost))
    if owed and not lost:
        return (Line(what, "nothing", None, "", where, "derived", FILES, f"{found}. {_capital(IN_FAVOUR)}"),)
    asked = f"asked for: {how}. " if how else "" if owed else f"{WITH_FIRST}. "
    note = f"{found}. {_capital(asked)}What follows from that only the venue or a tribunal decides"
    if not total:
        return (Line(what, "cannot tell", None, "", where, "derived", FILES, note, settled_by),)
    return tuple(
        Line(what, "amount", amount, asset, where, "derived", FILES, note, settled_by)
        for asset, amount in sorted(total.items())
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _steps(case: Case, *names: str) -> tuple[Step, ...]:
    return tuple(step for step in case.explanation.waterfall if step.step in names)


def _settled(told: Explanation, term: str) -> str:
    return next((each.settled_by for each in told.unknown if each.term == term), "")


def _left(case: Case, *, went_on: bool) -> Iterable[Line]:
    told = case.explanation
    steps = _steps(case, "left", "left in the position")
    if not steps:
        what = _settled(told, "left") or "the account before and after (user-data stream, account answer)"
        yield Line("margin left", "cannot tell", settled_by=what)
        return
    checked = any(each.kind == "balance_after" and each.verdict == HOLDS for each in told.findings)
    firm: Firm = "booked" if checked else "derived"
    for step in steps:
        note = WENT_ON if went_on else NEGATIVE if step.amount < ZERO else AFTER
        where = step.to.removeprefix("you, ").replace("you", "the cross wallet")
        yield _amount(LEFT_SO_FAR if went_on else "margin left", step, where, firm, source=FILES, note=note)


def _amount(what: str, step: Step, where: str, firm: Firm, *, source: str, note: str = "") -> Line:
    """A line of a step; a step of nothing says so."""
    if not step.amount:
        return Line(what, "nothing", None, step.asset, where, firm, source, note)
    return Line(what, "amount", step.amount, step.asset, where, firm, source, note)


def _clearance(case: Case, *, is_known: bool) -> Iterable[Line]:
    what = "clearance fee"
    note = "no rule for giving it back was found (unknown); statements know an “Insurance Fund Refund”"
    source = f"{FILES}; {LIQUIDATION}" if is_known else FILES
    steps = _steps(case, "clearance fee")
    for step in steps:
        yield _amount(what, step, step.to, "booked", source=source, note=note if is_known else "")
    if not steps:
        yield _none_booked(case, what, "clearance.fee", source if is_known else "")


def _none_booked(case: Case, what: str, term: str, source: str) -> Line:
    """Nothing is booked: said where the files would show it."""
    settled_by = _settled(case.explanation, term)
    if settled_by or case.money is None:
        return Line(what, "cannot tell", settled_by=settled_by or "income history, or a user-data stream")
    return Line(what, "nothing", None, "", "", "booked", source)


def _takeover(case: Case, *, is_known: bool) -> Iterable[Line]:
    what = "position taken over by the fund"
    note = (
        "closed at the bankruptcy price; what the fund gains or loses with it later is the fund's" if is_known else ""
    )
    source = f"{FILES}; {LIQUIDATION}" if is_known else FILES
    steps = _steps(case, "taken over")
    for step in steps:
        yield _amount(what, step, step.to, "booked", source=source, note=note)
    if steps:
        return
    if not is_known:
        yield Line(what, "cannot tell", source=NO_SOURCE, settled_by="the venue's own rules")
    elif case.money is None or case.money.rest_unknown:
        settled_by = _settled(case.explanation, "realized_pnl") or "the position after it (account answer, a stream)"
        yield Line(what, "cannot tell", settled_by=settled_by)
    else:
        yield Line(what, "nothing", None, "", "", "derived", FILES)


def _made_good(history: Reconstruction, case: Case, *, is_known: bool) -> Iterable[Line]:
    what = "negative balance made good by the fund"
    source = f"{FILES}; {LIQUIDATION}" if is_known else FILES
    steps = _steps(case, "made good")
    for step in steps:
        yield _amount(
            what, step, step.to, "booked", source=source, note="it brings the wallet to 0, and can not be withdrawn"
        )
    if steps:
        return
    if case.money is None or not history.evidence.lists_flows:
        yield Line(what, "cannot tell", settled_by="income history, or a user-data stream")
    else:
        yield Line(what, "nothing", None, "", "", "booked", source)


def _deleveraged(case: Case, *, is_known: bool) -> Line:
    """A deleveraging of this account: at which price, with which profit."""
    told = case.explanation
    notes = [f"at {plain(told.prices.average_fill):f}"] if told.prices.average_fill is not None else []
    notes += ["by rule at the bankruptcy price of the other account's order, without a trading fee"] if is_known else []
    notes += [f"a commission of {plain(-step.amount):f} {step.asset} was booked" for step in _steps(case, "commission")]
    source = f"{FILES}; {DELEVERAGING}" if is_known else FILES
    asset = next((step.asset for step in _steps(case, "profit", "loss")), "")
    if told.realized_pnl is None:
        settled_by = _settled(told, "realized_pnl") or "the trades of the order"
        return Line("deleveraged", "cannot tell", note="; ".join(notes), settled_by=settled_by)
    says: Says = "amount" if told.realized_pnl else "nothing"
    return Line("deleveraged", says, told.realized_pnl or None, asset, "you", "booked", source, "; ".join(notes))


def _wallets(history: Reconstruction) -> Iterable[Line]:
    """Where margin lies at the end of the files: wallets, of which isolated positions hold a part."""
    for wallet in wallets_of(history):
        what = "wallet at the end of the files"
        if wallet.balance is None:
            yield Line(what, "cannot tell", asset=wallet.asset, settled_by="a balance that the venue printed")
            continue
        account = history.timeline.last
        inside = [
            each
            for each in account.open_positions()
            if each.isolated_wallet and history.book.contracts[each.symbol].margin_asset == wallet.asset
        ]
        held = ", ".join(f"{plain(each.isolated_wallet):f} of it as margin of {each.symbol}" for each in inside)
        says: Says = "amount" if wallet.balance else "nothing"
        note = held or (NEGATIVE if wallet.balance < ZERO and history.book.elsewhere is None else "")
        yield Line(what, says, wallet.balance or None, wallet.asset, "the futures account", "derived", FILES, note)


def _flows(history: Reconstruction, category: str) -> dict[str, list[Decimal]]:
    found: dict[str, list[Decimal]] = {}
    for event in history.events:
        if isinstance(event, Flow) and event.category == category:
            for asset, amount in event.applied.items():
                found.setdefault(asset, []).append(amount)
    return found


def _fund_refunds(history: Reconstruction) -> Iterable[Line]:
    """All that the fund paid to the account in these files, fees taken wrongly and given back among it."""
    what = "paid to you by the insurance fund"
    paid = {
        asset: sum((each for each in amounts if each > ZERO), ZERO)
        for asset, amounts in _flows(history, "insurance_clear").items()
    }
    for asset, amount in sorted(paid.items()):
        if amount:
            note = "all bookings of these files together; what made good a negative balance is among them"
            yield Line(what, "amount", amount, asset, "your wallet", "booked", FILES, note)
    if not any(paid.values()):
        if history.evidence.lists_flows:
            yield Line(what, "nothing", None, "", "", "booked", FILES)
        else:
            yield Line(what, "cannot tell", settled_by="income history, or a user-data stream")


def _fund_rule(history: Reconstruction) -> Line:
    what = "refund of a loss by the insurance fund"
    if history.book.elsewhere is not None:
        return Line(what, "cannot tell", source=NO_SOURCE, settled_by="the venue's own rules")
    note = (
        "the fund takes over bankrupt positions, so that the other side of the trades is paid, and makes good a "
        "negative balance; that it gives back a loss down to 0 no page says, except the deleveraging guarantee of 2021 "
        "(see programmes)"
    )
    return Line(what, "nothing", None, "", "the other side of the trades", "published", f"{LIQUIDATION}; {FUND}", note)


def _deleveraging(history: Reconstruction, cases: Sequence[Case]) -> Iterable[Line]:
    """Whether any deleveraging of this account stands in the files, and what it booked; each has its own lines too."""
    what = "closed by deleveraging"
    touched = [case for case in cases if case.explanation.kind == "adl"]
    if not touched and history.evidence.lists_orders:
        yield Line(what, "nothing", None, "", "", "booked", FILES, "no order of these files is one")
    elif not touched:
        yield Line(what, "cannot tell", settled_by="order history, forceOrders, or a user-data stream")
    for case in touched:
        told = case.explanation
        asset = history.rules_at(told.time_ms).contract(told.symbol).margin_asset
        note = f"{told.symbol}, order {told.order_id or 'without id'}: see its own lines"
        if told.realized_pnl is None:
            yield Line(what, "cannot tell", None, asset, "you", "unknown", FILES, note, "the trades of the order")
        else:
            says: Says = "amount" if told.realized_pnl else "nothing"
            yield Line(what, says, told.realized_pnl or None, asset, "you", "booked", FILES, note)


def _clawback(history: Reconstruction) -> Iterable[Line]:
    """Profit taken back, or a loss of others charged. A booking that the venue calls adjustment is shown as such: no
    page says what it is, so a debit may be one."""
    what = "clawback or socialised loss"
    booked = {
        (kind, asset): [each for each in amounts if (each < ZERO) == (kind == DEBIT)]
        for asset, amounts in sorted(_flows(history, "adjustment").items())
        for kind in (DEBIT, CREDIT)
    }
    is_debited = any(amounts for (kind, _), amounts in booked.items() if kind == DEBIT)
    if history.book.elsewhere is not None:
        yield Line(what, "cannot tell", source=NO_SOURCE, settled_by="the venue's own rules")
    elif is_debited:
        note = f"{CHAIN}; but it booked a debit called adjustment, which may be one"
        yield Line(what, "cannot tell", None, "", "", "published", NO_CLAWBACK, note, ASKED)
    else:
        yield Line(what, "nothing", None, "", "", "published", NO_CLAWBACK, CHAIN)
    for (kind, asset), amounts in booked.items():
        if amounts:
            note = f"{len(amounts)} booking(s) that the venue calls adjustment; why it does not say"
            settled_by = ASKED if kind == DEBIT and history.book.elsewhere is None else ""
            yield Line(kind, "amount", sum(amounts, ZERO), asset, "your wallet", "booked", FILES, note, settled_by)
