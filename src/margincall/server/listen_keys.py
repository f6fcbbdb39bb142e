"""Listen keys: what opens a user-data stream. One per account, valid for 60 minutes of the server's clock.

`POST` gives the active key again and renews it; `PUT` and `DELETE` come with the key or without (documentation, User
Data Streams; clients do both). Keys are noted (`notes.py`), so that one that a client holds is still good when the
server starts again.
"""

import secrets
import string
from collections.abc import Callable, Iterable

from msgspec import Struct

from margincall.server.errors import ApiError
from margincall.server.notes import Listened
from margincall.wire.durations import MINUTE_MS

VALID_MS = 60 * MINUTE_MS
LENGTH = 64
ALPHABET = string.ascii_letters + string.digits
UNKNOWN_LISTEN_KEY = ApiError(
    -1125, "This listenKey does not exist. Please use `POST /fapi/v1/listenKey` to recreate `listenKey`"
)


class _Kept(Struct, frozen=True, gc=False):
    """Whose key, and until when it is valid."""

    account: str
    until_ms: int


class ListenKeys:
    """All that are valid. `now_ms` is the server's clock."""

    def __init__(
        self, now_ms: Callable[[], int], known: Iterable[Listened] = (), note: Callable[[Listened], None] | None = None
    ) -> None:
        """Those that are `known` from before. `note` is told of each that is made, renewed, or ends."""
        self._now_ms, self._note = now_ms, note
        self._kept: dict[str, _Kept] = {}
        self._by_account: dict[str, str] = {}
        self.on_close: list[Callable[[str], None]] = []
        """Told of a key that was closed, not of one that ran out."""
        for each in known:
            self._kept[each.key] = _Kept(each.account, each.until_ms)
            self._by_account[each.account] = each.key

    def create(self, account: str) -> str:
        """The account's active key, valid for another hour, or a new one (what ran out before is still to be told)."""
        key = self.active(account)
        if key is None:
            key = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
            self._by_account[account] = key
        self._keep(account, key)
        return key

    def active(self, account: str) -> str | None:
        """The account's key, while it is valid."""
        key = self._by_account.get(account)
        return key if key is not None and self.account_of(key) is not None else None

    def account_of(self, key: str) -> str | None:
        """Whose key it is, while it is valid."""
        kept = self._kept.get(key)
        return kept.account if kept is not None and self._now_ms() < kept.until_ms else None

    def renew(self, name: str) -> str:
        """Another hour for a key, or for the key of an account; the key. Raises `ApiError` (−1125)."""
        key = self._found(name)
        self._keep(self._kept[key].account, key)
        return key

    def close(self, name: str) -> None:
        """A key, or that of an account, is valid no longer. Raises `ApiError` (−1125)."""
        key = self._found(name)
        self._forget(key)
        for tell in self.on_close:
            tell(key)

    def expired(self, now_ms: int) -> list[tuple[str, str]]:
        """The keys that ran out until a time, with their accounts; each is told once."""
        found = [(key, kept.account) for key, kept in self._kept.items() if kept.until_ms <= now_ms]
        for key, _ in found:
            self._forget(key)
        return found

    def _found(self, name: str) -> str:
        key = name if name in self._kept else self._by_account.get(name, "")
        if self.account_of(key) is None:
            raise UNKNOWN_LISTEN_KEY
        return key

    def _keep(self, account: str, key: str) -> None:
        until_ms = self._now_ms() + VALID_MS
        self._kept[key] = _Kept(account, until_ms)
        self._tell(account, key, until_ms)

    def _forget(self, key: str) -> None:
        kept = self._kept.pop(key, None)
        if kept is None:
            return
        if self._by_account.get(kept.account) == key:
            del self._by_account[kept.account]
        self._tell(kept.account, key, 0)

    def _tell(self, account: str, key: str, until_ms: int) -> None:
        if self._note is not None:
            self._note(Listened(account, key, until_ms))
