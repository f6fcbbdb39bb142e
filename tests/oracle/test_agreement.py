"""The rules against the oracle, on so many accounts and histories as a fast test can; `make oracle` compares more."""

import random

import pytest

from tests.oracle.agreement import differences
from tests.oracle.fold_agreement import fold_differences
from tests.oracle.generate import random_state
from tests.oracle.histories import random_history


@pytest.mark.parametrize("part", range(10))
def test_accounts(part: int) -> None:
    """300 accounts in all modes."""
    for number in range(30):
        name = f"test-{part}-{number}"
        assert differences(random_state(random.Random(name))) == [], name


@pytest.mark.parametrize("part", range(5))
def test_histories(part: int) -> None:
    """250 histories, folded by both."""
    for number in range(50):
        name = f"test-{part}-{number}"
        assert fold_differences(*random_history(random.Random(name))) == [], name
