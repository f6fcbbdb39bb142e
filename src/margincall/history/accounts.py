"""One account out of files in which others are mixed: by the user's id, and by the futures wallet of a statement.

The account that the user names is kept, else the one of which most rows tell. USDⓈ-M and COIN-M futures have a wallet
each: the one that the symbols of the files name is kept, else the one of which most rows are; a statement's rows of the
other are left out.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from msgspec import structs

from margincall.core.events import AnyEvent, Statement
from margincall.core.rules import MissingContract
from margincall.errors import UsageError
from margincall.history.messages import Message
from margincall.venues import binance_coinm, binance_usdm
from margincall.venues.registry import venue_of
from margincall.wire.export_keys import COIN_M, USD_M
from margincall.wire.problems import Problem, excerpt

LISTED = 5
"""So many of the accounts that are left out are named."""
WALLET_OF = {binance_usdm.VENUE: USD_M, binance_coinm.VENUE: COIN_M}


def of_one_account(messages: Sequence[Message], account: str = "") -> tuple[list[Message], list[Problem]]:
    """The messages with the rows of one account, and what was left out. Rows that name none are kept. Raises
    `UsageError` if `account` is chosen and no row names it."""
    names = Counter(event.account for message in messages for event in message.events)
    if account and account not in map(user_of, names):
        raise UsageError(_not_found(account, names))
    if not names.keys() - {""}:
        return list(messages), []
    messages, problems = _of_one(messages, names, user_of, _chosen_note if account else _users_problem, account)
    wallets = {name: count for name, count in names.items() if wallet_of(name)}
    if len({wallet_of(name) for name in wallets}) < 2:
        return messages, problems
    traded = {wallet for each in messages if (wallet := _traded(each.events))}
    if len(traded) == 1:
        wallets = {name: count * (wallet_of(name) in traded) for name, count in wallets.items()}
    messages, notes = _of_one(messages, Counter(wallets), wallet_of, _wallets_note)
    return messages, [*problems, *notes]


def user_of(account: str) -> str:
    """The user's id in the name of an account, "" if there is none."""
    return account.removesuffix(USD_M).removesuffix(COIN_M).strip()


def wallet_of(account: str) -> str:
    """The futures wallet in the name of an account, "" if it names none."""
    return next((wallet for wallet in (USD_M, COIN_M) if account.endswith(wallet)), "")


def _of_one(
    messages: Sequence[Message],
    names: Counter[str],
    part: Callable[[str], str],
    told: Callable[[str, Counter[tuple[str, str]]], Problem],
    chosen: str = "",
) -> tuple[list[Message], list[Problem]]:
    """Messages without events that name another one than is chosen, or than most do; events that name none are kept."""
    rows: Counter[str] = Counter()
    for name, count in names.items():
        rows[part(name)] += count
    del rows[""]
    if len(rows) < 2:
        return list(messages), []
    own = chosen or max(sorted(rows), key=lambda each: rows[each])
    foreign = {name for name in names if part(name) not in ("", own)}
    left_out: Counter[tuple[str, str]] = Counter()
    kept: list[Message] = []
    for message in messages:
        found = tuple(event for event in message.events if event.account not in foreign)
        if len(found) < len(message.events):
            left_out.update(
                (part(event.account), event.source.file) for event in message.events if event.account in foreign
            )
            message = structs.replace(message, events=found)
        if found:
            kept.append(message)
    return kept, [told(own, left_out)]


def _listed(left_out: Counter[tuple[str, str]]) -> str:
    """What was left out: the rows of each account and file; of many accounts those with most rows."""
    if len(left_out) <= LISTED:
        return ", ".join(f"{count} of {name} in {file}" for (name, file), count in sorted(left_out.items()))
    rows: Counter[str] = Counter()
    for (name, _), count in left_out.items():
        rows[name] += count
    return _most(rows)


def _most(rows: Counter[str]) -> str:
    """The names with most rows, and how many there are beside them."""
    ordered = sorted(rows, key=lambda name: (-rows[name], name))
    shown = [f"{rows[name]} of {name}" for name in ordered[:LISTED]]
    rest = ordered[LISTED:]
    return ", ".join([*shown, *([f"{sum(rows[name] for name in rest)} of {len(rest)} more"] if rest else [])])


def _not_found(account: str, names: Counter[str]) -> str:
    rows: Counter[str] = Counter()
    for name, count in names.items():
        rows[user_of(name)] += count
    del rows[""]
    known = f"rows are {_most(rows)}" if rows else "no row names an account"
    return f"--account {excerpt(account)}: no row of these files is of it; {known}"


def _users_problem(own: str, left_out: Counter[tuple[str, str]]) -> Problem:
    file = min(file for _, file in left_out)
    message = (
        f"rows of another account are mixed in and left out ({_listed(left_out)}); {own} is kept, which has most rows: "
        "--account chooses another"
    )
    return Problem(file, "", message, own, "other-account")


def _chosen_note(own: str, left_out: Counter[tuple[str, str]]) -> Problem:
    file = min(file for _, file in left_out)
    message = f"{own} is explained; rows of other accounts are left out ({_listed(left_out)})"
    return Problem(file, "", message, own, "note")


def _wallets_note(own: str, left_out: Counter[tuple[str, str]]) -> Problem:
    file = min(file for _, file in left_out)
    message = f"{own} futures are explained; rows of the other wallet are left out ({_listed(left_out)})"
    return Problem(file, "", message, own, "note")


def _traded(events: Iterable[AnyEvent]) -> str:
    """The wallet of the first symbol that the events name."""
    for event in events:
        symbols = (
            [printed.symbol for printed in event.positions]
            if isinstance(event, Statement)
            else [getattr(event, "symbol", "")]
        )
        for symbol in filter(None, symbols):
            try:
                return WALLET_OF[venue_of(symbol)]
            except MissingContract:
                continue
    return ""
