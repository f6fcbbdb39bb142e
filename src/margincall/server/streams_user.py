"""The user-data stream: what happened to an account, told to whoever listens to one of its listen keys.

The account's messages are those of its diary (`exchange/diary.py`), which is begun when its first listener comes, from
the account as it stands then, and goes on while there is one. Beside them `wire/serve_user.py` spells what the diary
does not have: TRADE_LITE, ALGO_UPDATE, listenKeyExpired.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Protocol

from margincall.core.events import AnyEvent, Fill, IndexPrice, MarkPrice, Order, Setting
from margincall.exchange.book import OrderId
from margincall.exchange.diary import Diary
from margincall.exchange.events import AnyExchangeEvent, FaultSet, TriggerRefused
from margincall.exchange.standing import rests
from margincall.exchange.state import Events, Exchange
from margincall.server.hub import Hub
from margincall.server.records import Record, printed_fill
from margincall.server.venue import Venue
from margincall.wire import encode
from margincall.wire.serve_user import Algos, listen_key_expired, trade_lite, trigger_reject
from margincall.wire.spelling import Json

ALGO_SINCE, REJECTS_UNTIL, LITE_SINCE = "2025-12-09", "2025-12-15", "2024-09-03"
"""Conditional orders are told by ALGO_UPDATE since then; refused triggers were told by a message of their own until the
second; TRADE_LITE came with the third."""
ACTIVATED_SINCE = "2026-08-11"
"""Since then ALGO_UPDATE says whether a trailing stop is activated (`ia`)."""
DATED = (("o", frozenset({"er"}), "2025-10-23"), ("a", frozenset({"S"}), "2026-08-11"))
"""Keys of a part of messages that came with a date: why an order expired, the symbol of a funding fee (change log)."""
NEWEST_SINCE = max(since for _, _, since in DATED)
KEY_CLOSED = "The listen key was closed."


class ListenKeys(Protocol):
    """The keys that were issued, as far as streams need them."""

    on_close: list[Callable[[str], None]]
    """Told of a key that was closed."""

    def account_of(self, key: str) -> str | None:
        """The account of a key that is valid now."""

    def expired(self, now_ms: int) -> Iterable[tuple[str, str]]:
        """Keys that were valid until now, with their accounts, each told once."""


class Follower:
    """One account that is listened to, by its keys."""

    def __init__(self, name: str, keys: set[str]) -> None:
        """Nothing is known of it yet."""
        self.name, self.keys = name, keys
        self.diary: Diary | None = None
        self.algos = Algos()


class UserStreams:
    """All accounts that somebody listens to."""

    def __init__(self, venue: Venue, hub: Hub, listen_keys: ListenKeys) -> None:
        """Nobody listens; the venue tells only while somebody does."""
        self._venue, self._hub, self._listen_keys = venue, hub, listen_keys
        self._followers: dict[str, Follower] = {}
        self._accounts: dict[str, str] = {}
        """The account of each key that is listened to."""
        hub.opened.append(self._opened)
        hub.closed.append(self._closed)
        listen_keys.on_close.append(lambda key: hub.end(key, KEY_CLOSED))

    @property
    def count(self) -> int:
        """How many accounts are followed."""
        return len(self._followers)

    def tick(self, now_ms: int) -> None:
        """Tell the end of keys that have expired; nothing more comes by them."""
        for key, _ in self._listen_keys.expired(now_ms):
            self._hub.tell(key, listen_key_expired(key, now_ms), "listenKeyExpired")
            self._closed(key)

    def take(self, events: Events) -> None:
        """What happened."""
        parts = _by_account(events, self._followers)
        for name, follower in self._followers.items():
            if follower.diary is not None:
                self._tell(follower, follower.diary, parts[name])
            else:
                self._begin(follower)

    def _opened(self, topic: str) -> None:
        name = self._listen_keys.account_of(topic)
        if name is None:
            return
        self._accounts[topic] = name
        follower = self._followers.get(name)
        if follower is None:
            if not self._followers:
                self._venue.watchers.append(self.take)
            follower = self._followers[name] = Follower(name, set())
            if self._venue.is_told:
                self._begin(follower)
            # else what is untold is in the state already: the next call of `take` begins, and tells none of it
        follower.keys.add(topic)

    def _closed(self, topic: str) -> None:
        name = self._accounts.pop(topic, "")
        follower = self._followers.get(name)
        if follower is not None:
            follower.keys.discard(topic)
            if not follower.keys:
                del self._followers[name]
                if not self._followers:
                    self._venue.watchers.remove(self.take)

    def _begin(self, follower: Follower) -> None:
        """The account as it stands; one that is not open yet begins with its opening."""
        state = self._venue.state
        if follower.name in state.traders:
            follower.diary = diary_of(state, self._venue.records.of(follower.name))

    def _tell(self, follower: Follower, diary: Diary, events: list[AnyExchangeEvent]) -> None:
        if not events:
            return
        for message in self._messages(follower, diary, events):
            for key in sorted(follower.keys):
                self._hub.tell(key, message, str(message["e"]))

    def _messages(self, follower: Follower, diary: Diary, events: list[AnyExchangeEvent]) -> list[Json]:
        date = self._venue.api_date
        refused = [each for each in events if isinstance(each, TriggerRefused)]
        found: list[Json] = []
        untold = [encode.setting_update(each) for each in firsts(events, diary)]
        for message in encode.stream(printed(diary.tell(events))):
            if message in untold:
                continue
            found += self._with_algo(follower.algos, message, refused) if date >= ALGO_SINCE else (message,)
        if date >= LITE_SINCE:
            found = [each for message in found for each in (trade_lite(message), message) if each is not None]
        if date < REJECTS_UNTIL:
            found += [trigger_reject(each.symbol, each.order_id, each.text, each.time_ms) for each in refused]
        return found if date >= NEWEST_SINCE else [as_of(date, message) for message in found]

    def _with_algo(self, algos: Algos, message: Json, refused: Iterable[TriggerRefused]) -> Iterator[Json]:
        """A message, or ALGO_UPDATE in its place, or before that one."""
        says = self._venue.api_date >= ACTIVATED_SINCE
        reasons = {each.order_id: each.text for each in refused}
        instead = algos.before(message, reasons, self._is_activated if says else None)
        if instead is not None:
            yield instead
            return
        yield message
        if (end := algos.after(message, says_activated=says)) is not None:
            yield end

    def _is_activated(self, number: int) -> bool:
        order = self._venue.state.orders.get(OrderId(number))
        return order is not None and order.extreme is not None


def firsts(events: Sequence[AnyExchangeEvent], diary: Diary) -> Iterator[Setting]:
    """Leverages that the exchange says because an order is the first of its symbol. The venue says none of them: they
    are what its accounts begin with."""
    known = diary.account.leverage
    for event, after in pairwise(events):
        match event, after:
            case Setting(leverage=int(), symbol=symbol), Order() if symbol == after.symbol and symbol not in known:
                yield event
            case _:
                pass


def printed(events: Iterable[AnyEvent]) -> Iterator[AnyEvent]:
    """Events with their prices as they are printed."""
    return (printed_fill(each) if isinstance(each, Fill) else each for each in events)


def as_of(date: str, message: Json) -> Json:
    """A message without the keys that came after an API date."""
    lacking = {part: keys for part, keys, since in DATED if date < since}
    return {
        key: {name: word for name, word in field.items() if name not in lacking[key]}
        if key in lacking and isinstance(field, dict)
        else field
        for key, field in message.items()
    }


def _by_account(events: Iterable[AnyExchangeEvent], names: Iterable[str]) -> dict[str, list[AnyExchangeEvent]]:
    """What a diary of each account must hear: its own events, and the prices."""
    parts: dict[str, list[AnyExchangeEvent]] = {name: [] for name in names}
    for event in events:
        if isinstance(event, MarkPrice | IndexPrice | FaultSet):
            for part in parts.values():
                part.append(event)
        elif (own := parts.get(getattr(event, "account", ""))) is not None:
            own.append(event)
    return parts


def diary_of(state: Exchange, record: Record) -> Diary:
    """A diary that goes on from an account as it stands."""
    diary = Diary(record.name, state.genuine.venue)
    diary.rules, diary.applied = state.rules.venue, state.rules.venue.tables
    diary.account = state.traders[record.name].account
    diary.prices, diary.indices = dict(state.prices), dict(state.indices)
    diary.orders = {each.order.order_id: each.order for each in record.live.values() if rests(each.order)}
    diary.changed = dict(record.changed)
    return diary
