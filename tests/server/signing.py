"""What a client does with its secret."""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlencode

from margincall.server.keys import Key


def signed(key: Key, params: Mapping[str, object]) -> bytes:
    """The query of a request that is signed with HMAC."""
    query = urlencode(params).encode()
    return query + b"&signature=" + hmac.new(key.secret.encode(), query, hashlib.sha256).hexdigest().encode()
