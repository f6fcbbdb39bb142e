"""API keys that this server issued, and signatures by them: HMAC-SHA256, RSA (PKCS#1 v1.5, SHA-256), Ed25519.

Only its own keys are accepted. A key looks like one of the venue but begins with `SIM`, so that a real key cannot be
mistaken for one of these: anything else is refused unread.
"""

import base64
import binascii
import hmac
import os
import secrets
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Protocol

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from msgspec import Struct

from margincall.errors import UsageError
from margincall.server.private_file import rewritten

PREFIX = "SIM"
LENGTH = 64
ALPHABET = string.ascii_letters + string.digits
Kind = Literal["hmac", "rsa", "ed25519"]


class Key(Struct, frozen=True, kw_only=True):
    """One issued key: whose, and how it signs. `secret` is that of HMAC, `public` the PEM of the others; `trade`
    whether it may do more than read."""

    key: str
    account: str
    kind: Kind = "hmac"
    secret: str = ""
    public: str = ""
    trade: bool = True

    def __repr__(self) -> str:
        """Without the secret."""
        return f"Key({self.key[:8]}…, {self.account}, {self.kind})"


class _Verifier(Protocol):
    def verify(self, signature: bytes, payload: bytes) -> None: ...


def issue(account: str, *, public: str = "", trade: bool = True) -> Key:
    """A new key of an account: HMAC with a new secret, or that of a public key (PEM). Raises `UsageError` for a PEM
    that is none."""
    name = PREFIX + "".join(secrets.choice(ALPHABET) for _ in range(LENGTH - len(PREFIX)))
    if not public:
        secret = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
        return Key(key=name, account=account, secret=secret, trade=trade)
    kind, _ = _public(public)
    return Key(key=name, account=account, kind=kind, public=public, trade=trade)


class Keys:
    """The keys that were issued, kept in a file beside the journal (mode 0600)."""

    def __init__(self, path: Path | None = None) -> None:
        """Those of a file that is there; without one they last as long as the server."""
        self._path = path
        self._known: dict[str, Key] = {}
        self._verifiers: dict[str, _Verifier] = {}
        self._macs: dict[str, hmac.HMAC] = {}
        """By key, with the secret taken in: a copy takes in what was signed."""
        if path is not None and path.exists():
            try:
                found = msgspec.json.decode(path.read_bytes(), type=list[Key])
            except (OSError, msgspec.DecodeError) as error:
                raise UsageError(f"{path}: no list of keys: {error}") from None
            self._known = {each.key: each for each in found}

    def add(self, key: Key) -> None:
        """A key that counts from now on."""
        self._known[key.key] = key
        self._macs.pop(key.key, None)
        self._save()

    def get(self, name: str) -> Key | None:
        """The key of this name, if it was issued here."""
        return self._known.get(name)

    def all(self) -> Mapping[str, Key]:
        """All of them."""
        return self._known

    def verifies(self, key: Key, payload: bytes, signature: str) -> bool:
        """Whether a signature is that of the key over these bytes."""
        if key.kind == "hmac":
            mac = self._macs.get(key.key)
            if mac is None:
                mac = self._macs[key.key] = hmac.new(key.secret.encode(), digestmod="sha256")
            mac = mac.copy()
            mac.update(payload)
            return hmac.compare_digest(mac.hexdigest().encode(), signature.lower().encode())
        verifier = self._verifiers.get(key.key)
        if verifier is None:
            verifier = self._verifiers[key.key] = _public(key.public)[1]
        try:
            verifier.verify(base64.b64decode(signature, validate=True), payload)
        except (binascii.Error, ValueError, InvalidSignature):
            return False
        return True

    def _save(self) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        os.close(rewritten(self._path, msgspec.json.encode(list(self._known.values()))))


class _Rsa:
    def __init__(self, key: RSAPublicKey) -> None:
        self._key = key

    def verify(self, signature: bytes, payload: bytes) -> None:
        self._key.verify(signature, payload, padding.PKCS1v15(), hashes.SHA256())


def _public(pem: str) -> tuple[Kind, _Verifier]:
    """The kind of a public key, and what verifies by it."""
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(f"no public key in PEM: {error}") from None
    if isinstance(key, Ed25519PublicKey):
        return "ed25519", key
    if isinstance(key, RSAPublicKey):
        return "rsa", _Rsa(key)
    raise UsageError("a key must be RSA or Ed25519")
