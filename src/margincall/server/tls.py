"""TLS of the API: a certificate and its key, as the operator gives them.

With a certificate for the venue's own names, in a network where those names lead here, clients keep the venue's
addresses (`docs/how-to/serve.md`). Such a certificate is never made here.
"""

import ssl
from pathlib import Path
from typing import NamedTuple

from cryptography import x509

from margincall.errors import UsageError


class Tls(NamedTuple):
    """The certificate's file (PEM, with those between it and its authority), the key's, and whom it names."""

    certificate: Path
    key: Path
    names: tuple[str, ...]


def tls_of(certificate: Path | None, key: Path | None) -> Tls | None:
    """What the two files hold; none without them. Raises `UsageError` for one without the other, for files that cannot
    be read, that are no certificate with its key, and for a key that needs a passphrase."""
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise UsageError("--tls-cert and --tls-key belong together")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
        return Tls(certificate, key, _names(certificate.read_bytes()))
    except (OSError, ValueError) as error:
        raise UsageError(f"{certificate}, {key}: no certificate with its key: {error}") from None


def _names(pem: bytes) -> tuple[str, ...]:
    """The hosts that a certificate names."""
    try:
        found = x509.load_pem_x509_certificate(pem).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(map(str, (*found.value.get_values_for_type(x509.DNSName),
                           *found.value.get_values_for_type(x509.IPAddress))))  # fmt: skip
