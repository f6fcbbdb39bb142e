"""Exchanges behind the API, which are closed when the test ends."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.server.desk import Desk

Opened = Callable[..., Desk]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """Makes a `Desk`, each in a folder of its own unless `folder` names one."""
    made: list[Desk] = []

    def make(folder: Path | None = None, **how: object) -> Desk:
        found = Desk(folder or tmp_path / f"desk-{len(made)}", **how)  # type: ignore[arg-type]
        made.append(found)
        return found

    yield make
    for each in made:
        each.venue.close()


@pytest.fixture
def desk(opened: Opened) -> Desk:
    """One as it is today."""
    return opened()
