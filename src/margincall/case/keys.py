"""The key of a venue: where it comes from, how it signs, what it may do. A secret has no text form here.

A key comes from the environment, from a file that only its owner can read, or from the system's keyring; never from an
argument, which every user of the machine can read in the list of processes.
"""

import hashlib
import hmac
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

import msgspec
from msgspec import Struct

from margincall.errors import Refused, UsageError

KEY_VARIABLE = "MARGINCALL_API_KEY"
SECRET_VARIABLE = "MARGINCALL_API_SECRET"
OTHERS = stat.S_IRWXG | stat.S_IRWXO
HIDDEN = "(hidden)"
PRINTABLE = range(0x21, 0x7F)
"""Characters of a key: it goes into a header, where a line break would begin another one."""

MAY_ACT: Mapping[str, str] = {
    "enableWithdrawals": "withdraw",
    "enableInternalTransfer": "transfer between your accounts",
    "permitsUniversalTransfer": "transfer between your wallets",
    "enableSpotAndMarginTrading": "trade spot and margin",
    "enableMargin": "borrow, repay and transfer margin",
    "enableFutures": "trade futures",
    "enableVanillaOptions": "trade options",
    "enablePortfolioMarginTrading": "trade in a portfolio-margin account",
    "enableFixApiTrade": "trade through FIX",
}
"""Permissions of `GET /sapi/v1/account/apiRestrictions` that let a key do more than read -> what it may do then.
Source: Binance documentation (Wallet, API Key Permission)."""
ONLY_READS = frozenset({"enableReading", "enableFixReadOnly"})
MUST_BE_PRINTED = ("enableReading", "enableWithdrawals", "enableSpotAndMarginTrading", "enableFutures")
"""Without these an answer says nothing about what the key may do."""


class Credentials:
    """A key and its secret. Neither has a text form, and neither can be pickled or copied."""

    __slots__ = ("_key", "_secret")

    def __init__(self, key: str, secret: str) -> None:
        """Raises `UsageError` for what cannot be a key, without showing it."""
        for name, text in (("API key", key), ("API secret", secret)):
            if not text or any(ord(sign) not in PRINTABLE for sign in text):
                raise UsageError(f"the {name} is empty or holds blanks or signs that no key has")
        self._key = key
        self._secret = secret.encode("ascii")

    def __repr__(self) -> str:
        return f"Credentials{HIDDEN}"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials cannot be pickled or copied")

    def header(self) -> dict[str, str]:
        """The header that names the key."""
        return {"X-MBX-APIKEY": self._key}

    def signature(self, payload: str) -> str:
        """HMAC-SHA256 of a query string, in hexadecimal (Binance documentation, general info: SIGNED endpoints)."""
        return hmac.new(self._secret, payload.encode(), hashlib.sha256).hexdigest()

    def is_in(self, data: bytes) -> bool:
        """Whether the key or the secret stands in some bytes."""
        return self._key.encode() in data or self._secret in data

    def redacted(self, text: str) -> str:
        """The text without key and secret."""
        return text.replace(self._secret.decode(), HIDDEN).replace(self._key, HIDDEN)


def from_environment(environment: Mapping[str, str] | None = None) -> Credentials:
    """The key of `MARGINCALL_API_KEY` and `MARGINCALL_API_SECRET`."""
    found = os.environ if environment is None else environment
    missing = [name for name in (KEY_VARIABLE, SECRET_VARIABLE) if not found.get(name)]
    if missing:
        raise UsageError(f"no key: set {' and '.join(missing)}, or use --key-from file:PATH or keyring:NAME")
    return Credentials(found[KEY_VARIABLE].strip(), found[SECRET_VARIABLE].strip())


def from_file(path: Path) -> Credentials:
    """The key in a file of two lines: key, secret. Raises `Refused` if anybody but its owner may read the file."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise UsageError(f"the key file {path} cannot be read: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if os.name == "posix" and mode & OTHERS:
            raise Refused(
                f"the key file {path} may be read by others (mode {stat.S_IMODE(mode):04o}): chmod 600 it, and if "
                "others had access, delete that key at the venue and make a new one"
            )
        text = file.read(4096)
    return _of_lines(text, f"the key file {path}")


def from_keyring(name: str, password: Callable[[str, str], str | None]) -> Credentials:
    """The key that the system's keyring holds under service `margincall`; `password` looks it up."""
    text = password("margincall", name)
    if not text:
        raise UsageError(f"the keyring holds nothing for margincall {name}: keyring set margincall {name}")
    return _of_lines(text.encode(), f"the entry {name} of the keyring")


def _of_lines(text: bytes, what: str) -> Credentials:
    """Key and secret from two words: lines of a file, or one line with a blank between them."""
    try:
        words = text.decode("ascii").split()
    except UnicodeDecodeError:
        words = []
    if len(words) != 2:
        raise UsageError(f"{what} must hold the API key and the API secret, and nothing else")
    return Credentials(words[0], words[1])


class Permissions(Struct, frozen=True):
    """What a key may do beyond reading, in words; `is_known` is false where the venue could not be asked."""

    acts: tuple[str, ...]
    is_known: bool = True
    reads: bool = True
    ip_restricted: bool = False


def permissions(answer: bytes) -> Permissions:
    """What an answer of `apiRestrictions` lets the key do. A permission that is not known by name counts as one to
    act: what the venue adds later is not harmless because we do not know it."""
    try:
        found = msgspec.json.decode(answer, type=dict[str, bool | int | float | str | None])
    except msgspec.DecodeError:
        return UNKNOWN
    if any(not isinstance(found.get(name), bool) for name in MUST_BE_PRINTED):
        return UNKNOWN
    granted = [name for name, value in found.items() if value is True and name.startswith(("enable", "permits"))]
    acts = tuple(MAY_ACT.get(name, f"do what `{name}` means") for name in granted if name not in ONLY_READS)
    return Permissions(acts, reads=found["enableReading"] is True, ip_restricted=found.get("ipRestrict") is True)


UNKNOWN = Permissions(("trade or withdraw, for all that is known",), is_known=False)


def refusal(found: Permissions) -> str:
    """Why a key is refused; empty for one that can only read."""
    if not found.acts:
        return ""
    why = "" if found.is_known else "the venue could not be asked what this key may do, so it counts as one that acts: "
    return (
        f"{why}this key may {', '.join(found.acts)}. Make a key that can only read (docs/how-to/rescue.md), "
        "or say --insist if you accept the risk; margincall itself only ever reads"
    )
