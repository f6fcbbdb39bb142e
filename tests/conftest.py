"""What all tests share: the folder of real data, its marker, and the profiles of Hypothesis.

A test that uses the `shared` fixture carries the marker `shared` and is skipped where the data is absent.
With `MARGINCALL_SHARED_REQUIRED=1` such a skip is a failure, so that a run that should have compared with
real data cannot pass without doing so.
"""

import os
import re
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.sources import ROOT

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
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


OPEN = {
    "test_verify_left_out.py::test_two_recordings_with_a_gap[BIG]": "a gap in a liquidation of several orders",
    "test_verify_left_out.py::test_any_message_of_a_recording[BIG]": "a message lost in one of several orders",
    "test_verify_deleveraging.py::test_a_rank_accuses_only_where_both_accounts_are_known": "rank left open too often",
    "test_dispute.py::test_another_account_is_attached_beside": "rank left open too often",
    "test_dispute.py::test_orders_that_stayed_open_are_named_and_filled_ones_are_not": "orders need a later record",
    "test_faults_sample.py::test_a_fault_above_its_bound_is_found[out_of_rank]": "rank left open too often",
    "test_dispute_desk.py::test_upheld_with_the_fault_and_rejected_without_it[wrong_mark]": "trades too sparse",
    "test_dispute_desk.py::test_upheld_with_the_fault_and_rejected_without_it[orders_not_cancelled]": "a later record",
    "test_dispute_desk.py::test_upheld_with_the_fault_and_rejected_without_it[adl_out_of_rank]": "rank left open",
    "test_dispute_amounts.py::test_what_merely_follows_from_a_wrong_number_is_not_asked_again[commission-limit]": "limit",  # noqa: E501
    "test_dispute_amounts.py::test_what_merely_follows_from_a_wrong_number_is_not_asked_again[fee-limit]": "limit",
    "test_dispute_amounts.py::test_what_merely_follows_from_a_wrong_number_is_not_asked_again[profit-limit]": "limit",
}
"""Known to fail on this commit, with the reason; `make accept-case` does not pass while one of them stands here."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that uses the `shared` fixture, and those that are known to fail."""
    for item in items:
        name = item.nodeid.rpartition("/")[2]
        if name in OPEN:
            item.add_marker(pytest.mark.xfail(reason=f"open: {OPEN[name]}", strict=False))
        if "shared" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.shared)


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
