"""Killed at any request and started again, a rescue leaves what an undisturbed one leaves, and asks nothing twice."""

import random
from pathlib import Path

import pytest

from margincall.case.folder import EVIDENCE
from tests.accept.rescue import Plain, differences, every_kill, killed_at, plain, too_often

SEED = 20260528
SAMPLE = 2


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Plain:
    """A rescue that nothing disturbs."""
    return plain(tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.slow
def test_killed_at_some_requests(tmp_path: Path, undisturbed: Plain) -> None:
    """The first request into the folder, one of the exports, and a seeded sample."""
    count = len(undisturbed.requests)
    assert count > 140
    sample = random.Random(SEED).sample(range(5, count - 6), SAMPLE)
    wrong = [
        each for number in (4, *sample, count - 1) for each in killed_at(number, tmp_path / str(number), undisturbed)
    ]
    assert wrong == []


@pytest.mark.slow
def test_killed_at_every_request(tmp_path: Path) -> None:
    """All of them."""
    count, wrong = every_kill(tmp_path)
    assert count > 140
    assert wrong == []


def test_the_comparison_sees_a_difference(tmp_path: Path, undisturbed: Plain) -> None:
    """A missing file, another byte, a request too many: it can fail."""
    other = plain(tmp_path / "other")
    assert differences(undisturbed.folder, other.folder) == []
    path = other.folder / EVIDENCE / "account-v3.json"
    path.chmod(0o644)
    assert any("mode" in each for each in differences(undisturbed.folder, other.folder))
    path.unlink()
    assert any("account-v3" in each for each in differences(undisturbed.folder, other.folder))
    requests = undisturbed.requests
    assert too_often([*requests, requests[9]], requests, requests[9]) == []
    assert too_often([*requests, requests[9], requests[9]], requests, requests[9]) != []
    assert too_often([*requests, requests[0]], requests, requests[9]) == []
    assert too_often(requests[:-1], requests, requests[9]) != []
