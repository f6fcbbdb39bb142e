"""A dispute that can be published: numbers of the account, its orders and trades under other names, the same number
under the same name everywhere.

Names count up (`order-1`), they are no hashes: the few digits of an order id could be tried out. What is masked is what
the files print as an id, and every e-mail and network address besides; with `amounts`, sizes and sums of money as well
(prices and times stay: the market knows them). Evidence is left out, and so are the names and hashes
of its files.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from msgspec import structs

from margincall.case.dispute import Decided, Matter
from margincall.core.events import AnyEvent, Fill, Flow, Order
from margincall.forensics.explain import Case
from margincall.forensics.inferred import TAKEN_OVER
from margincall.forensics.reconstruct import Reconstruction
from margincall.forensics.verify.check import Check, Judged
from margincall.wire.claims import Claim, Disputed, Wrong

ADDRESS = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])|(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}"
)
"""E-mail addresses, and addresses of the network."""
NAMING = ("trade", "order")
"""After these words and a blank texts name an id, however short."""
PIECES = re.compile(r"[\w-]+|[^\w-]")
"""Words, and every other character alone: an id is one or more of them, and never a part of a word."""
LONG = 5
"""From so many characters on an id is masked wherever it stands in a text; shorter ones are words like others."""


class Names:
    """The masks of one bundle: each id gets the next name of its kind."""

    def __init__(self, history: Reconstruction | None, accounts: Iterable[str]) -> None:
        """Every id that the events print, and the account's own numbers."""
        self._of: dict[str, str] = {}
        self._count: dict[str, int] = {}
        for account in accounts:
            self._add("account", account)
        for event in history.events if history is not None else ():
            for kind, text in ids_of(event):
                self._add(kind, text)
        self._most: dict[str, int] = {}
        for text in self._of:
            pieces = PIECES.findall(text)
            self._most[pieces[0]] = max(self._most.get(pieces[0], 0), len(pieces))

    def _add(self, kind: str, text: str) -> None:
        if text and text not in self._of:
            self._count[kind] = self._count.get(kind, 0) + 1
            self._of[text] = f"{kind}-{self._count[kind]}"

    def mask(self, text: str) -> str:
        """The name of an id; "" stays."""
        return self._of.get(text, text)

    def masked(self, text: str) -> str:
        """A text with the ids in it masked, and without addresses."""
        return ADDRESS.sub("(address)", "".join(self._masked(PIECES.findall(text))))

    def _masked(self, pieces: Sequence[str]) -> Iterator[str]:
        """Each piece, or the name of the longest id that begins with it. One look for each piece, however many ids
        there are."""
        place = 0
        while place < len(pieces):
            is_named = place > 1 and pieces[place - 1] == " " and pieces[place - 2] in NAMING
            for number in range(self._most.get(pieces[place], 0), 0, -1):
                text = "".join(pieces[place : place + number])
                if text in self._of and (is_named or len(text) >= LONG):
                    yield self._of[text]
                    place += number
                    break
            else:
                yield pieces[place]
                place += 1


def ids_of(event: AnyEvent) -> Iterator[tuple[str, str]]:
    """Each id of an event with its kind."""
    yield "account", event.account
    if isinstance(event, Fill | Order):
        yield "order", event.order_id
        yield "client", event.client_order_id
    if isinstance(event, Fill | Flow) and event.trade_id != TAKEN_OVER:
        yield "trade", event.trade_id
    if isinstance(event, Flow):
        yield "booking", event.tran_id


def redacted_history(history: Reconstruction, names: Names) -> Reconstruction:
    """The history with masked events; what is folded of them is not looked at any more."""
    return structs.replace(history, events=tuple(_event(event, names) for event in history.events))


def redacted_decision(decided: Decided, names: Names) -> Decided:
    """What was decided, with masked orders and checks."""
    return structs.replace(decided, matters=tuple(_matter(each, names) for each in decided.matters))


def redacted_claim(claim: Claim, names: Names, *, amounts: bool) -> Claim:
    """The claim with masked ids; with `amounts` also without sizes and sums."""
    return structs.replace(
        claim,
        account=names.mask(claim.account),
        disputed=tuple(_disputed(each, names, amounts=amounts) for each in claim.disputed),
        refund={} if amounts else claim.refund,
        redacted=True,
        redacted_amounts=amounts,
    )


def _event(event: AnyEvent, names: Names) -> AnyEvent:
    if isinstance(event, Fill | Order):
        event = structs.replace(
            event, order_id=names.mask(event.order_id), client_order_id=names.mask(event.client_order_id)
        )
    if isinstance(event, Fill | Flow) and event.trade_id != TAKEN_OVER:
        event = structs.replace(event, trade_id=names.mask(event.trade_id))
    return structs.replace(event, account=names.mask(event.account))


def _matter(matter: Matter, names: Names) -> Matter:
    return structs.replace(
        matter,
        cases=tuple(_case(each, names) for each in matter.cases),
        judged=tuple(_judged(each, names) for each in matter.judged),
        checks=tuple(_check(each, names) for each in matter.checks),
    )


def _case(case: Case, names: Names) -> Case:
    order = case.incident.order
    if order is None:
        return case
    masked = structs.replace(
        order, order_id=names.mask(order.order_id), client_order_id=names.mask(order.client_order_id)
    )
    return structs.replace(case, incident=structs.replace(case.incident, order=masked))


def _judged(judged: Judged, names: Names) -> Judged:
    return structs.replace(
        judged,
        order_id=names.mask(judged.order_id),
        client_order_id=names.mask(judged.client_order_id),
        checks=tuple(_check(each, names) for each in judged.checks),
    )


def _check(check: Check, names: Names) -> Check:
    return structs.replace(check, about=names.masked(check.about), note=names.masked(check.note))


def _disputed(each: Disputed, names: Names, *, amounts: bool) -> Disputed:
    return structs.replace(
        each,
        order_ids=tuple(map(names.mask, each.order_ids)),
        client_order_ids=tuple(map(names.mask, each.client_order_ids)),
        open_order_ids=tuple(map(names.mask, each.open_order_ids)),
        irregularities=tuple(_wrong(wrong, amounts=amounts) for wrong in each.irregularities),
        refund={} if amounts else each.refund,
    )


def _wrong(wrong: Wrong, *, amounts: bool) -> Wrong:
    is_public = wrong.unit in ("price", "rate")
    return structs.replace(wrong, amount=None) if amounts and not is_public else wrong
