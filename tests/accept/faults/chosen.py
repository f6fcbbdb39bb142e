"""Kinds of fault that were chosen by somebody who has not written `verify`: by name."""

from collections.abc import Mapping

from tests.accept.faults.case import Fault

CHOSEN: Mapping[str, Fault] = {}
