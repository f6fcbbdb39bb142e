"""What all tests share: the folder of real data, its marker, and the profiles of Hypothesis.

A test that uses the `shared` fixture carries the marker `shared` and is skipped where the data is absent.
With `MARGINCALL_SHARED_REQUIRED=1` such a skip is a failure, so that a run that should have compared with
real data cannot pass without doing so.
"""

import gc
import os
import re
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.sources import ROOT

os.environ.pop("COLUMNS", None)  # workers of pytest-xdist set it, and commands print as wide as it says

settings.register_profile("ci", max_examples=50, derandomize=True, deadline=None, print_blob=True)
settings.register_profile("search", max_examples=2_000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def data_folder() -> Path:
    """Where the real data should be: `data/` in the folder that `MARGINCALL_SHARED` names."""
    return (ROOT / os.environ.get("MARGINCALL_SHARED", "../shared") / "data").resolve()


def is_required() -> bool:
    """Whether a test of real data may not be skipped."""
    return os.environ.get("MARGINCALL_SHARED_REQUIRED") == "1"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data; skips the test where there is none."""
    folder = data_folder()
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder}: MARGINCALL_SHARED names the folder that holds data/")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that uses the `shared` fixture."""
    for item in items:
        if "shared" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.shared)


def pytest_collection_finish() -> None:
    """What was collected stays: the collector of cycles need not walk it again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the skip of a test marked `shared` into a failure where the data is required."""
    report = yield
    skipped = report.skipped and not hasattr(report, "wasxfail")
    if skipped and is_required() and item.get_closest_marker("shared"):
        fail(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a file that skips itself as a whole, which leaves no test to look at."""
    report = yield
    if report.skipped and is_required() and collector.path.suffix == ".py":
        text = collector.path.read_text(encoding="utf-8")
        if re.search(r"\bmark\.shared\b|\bshared: Path\b", text):
            fail(report)
    return report


def fail(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Make a failure of a skip, with its reason."""
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    report.outcome = "failed"
    report.longrepr = f"real data is required here, but the test was skipped: {reason}"
