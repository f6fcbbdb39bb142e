"""The digest under the name that tests first had for it."""

from margincall.exchange.digest import digest as fingerprint

__all__ = ["fingerprint"]
