"""The runner of real clients without the clients: how a result comes about, what is pinned, and the committed page."""

import asyncio
import json
import logging
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.clients.outcome import (
    ERROR,
    FAILING,
    OK,
    REFUSED,
    UNSUPPORTED,
    WARNING,
    Outcomes,
    Unsupported,
    need,
    refused,
)
from tests.conformance.environments import PINS, version
from tests.conformance.run import CLIENTS, PAGE, RESULT, SCRIPTS, counted
from tests.conformance.table import page


@pytest.fixture
def outcomes(tmp_path: Path) -> Iterator[Outcomes]:
    """Results in a file; what it hears with is taken away again."""
    root = logging.getLogger()
    before = list(root.handlers)
    with warnings.catch_warnings():
        yield Outcomes("a client", tmp_path / "results.jsonl")
    logging.captureWarnings(False)
    for each in set(root.handlers) - set(before):
        root.removeHandler(each)


def results(outcomes: Outcomes) -> dict[str, tuple[str, str]]:
    """Result and detail by method."""
    lines = [json.loads(line) for line in outcomes.path.read_text(encoding="utf-8").splitlines()]
    assert {line["client"] for line in lines} == {"a client"}
    return {line["method"]: (line["result"], line["detail"]) for line in lines}


def test_a_method_ends_in_one_of_five_ways(outcomes: Outcomes) -> None:
    def unsupported() -> None:
        raise Unsupported("spot")

    outcomes.show("good", lambda: "with a detail")
    outcomes.show("wrong", lambda: need(False, "no order"))
    outcomes.show("refused", lambda: refused(lambda: int("x"), ValueError, "invalid literal"))
    outcomes.show("refused by another", lambda: refused(lambda: [][0], LookupError, "range"))
    outcomes.show("not refused", lambda: refused(lambda: 1, ValueError))
    outcomes.show("of spot", unsupported)
    assert results(outcomes) == {
        "good": (OK, "with a detail"),
        "wrong": (ERROR, "AssertionError: no order"),
        "refused": (REFUSED, "ValueError invalid literal"),
        "refused by another": (ERROR, "IndexError: list index out of range"),
        "not refused": (ERROR, "AssertionError: it was not refused"),
        "of spot": (UNSUPPORTED, "spot"),
    }


def test_what_a_client_warns_of_is_a_failure_of_the_method_or_between_two(outcomes: Outcomes) -> None:
    outcomes.show("logs", lambda: logging.warning("Failed to parse"))
    outcomes.show("warns", lambda: warnings.warn("a key too many", UserWarning, stacklevel=1))
    outcomes.show("quiet", lambda: logging.info("all is well"))
    logging.getLogger("socket").error("lost")
    outcomes.need({"logs", "warns", "forgotten"})
    found = results(outcomes)
    assert {name: result for name, (result, _) in found.items()} == {
        "logs": WARNING, "warns": WARNING, "quiet": OK, "forgotten": ERROR, "(between two methods)": WARNING,
    }  # fmt: skip
    assert found["logs"][1] == "root: Failed to parse"
    assert found["(between two methods)"][1] == "socket: lost"
    assert found["forgotten"][1] == "not tried"


def test_a_method_that_does_not_end_is_an_error(outcomes: Outcomes) -> None:
    asyncio.run(outcomes.watch("hangs", lambda: asyncio.sleep(60), 0.01))
    assert results(outcomes)["hangs"][0] == ERROR


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_each_client_has_a_script_and_pins_without_addresses(client) -> None:  # type: ignore[no-untyped-def]
    assert (SCRIPTS / f"{client.name}.py").is_file()
    assert version(client.environment, client.package)
    lines = (PINS / f"{client.environment}.txt").read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)


def test_the_page_says_what_was_found() -> None:
    lines = [
        {"method": "one", "result": OK, "detail": ""},
        {"method": "two", "result": ERROR, "detail": "a | b"},
    ]
    text = page([{"client": "a", "package": "p", "version": "1", "results": counted(lines), "methods": lines}])
    assert "| [a](#a) | 1 | 2 | 1 | 0 | 0 | 1 |" in text
    assert "| `two` | error | a \\| b |" in text


def test_the_committed_page_is_that_of_the_committed_figures() -> None:
    rows = json.loads(RESULT.read_text(encoding="utf-8"))["clients"]
    assert [row["client"] for row in rows] == [each.name for each in CLIENTS]
    assert PAGE.read_text(encoding="utf-8") == page(rows)
    for row, client in zip(rows, CLIENTS, strict=True):
        assert row["version"] == version(client.environment, client.package)
        assert row["results"] == counted(row["methods"])
        assert not row["results"].keys() & set(FAILING)
