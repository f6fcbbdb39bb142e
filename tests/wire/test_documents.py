"""Files of JSON: what is broken about them is said, with the place, and never raised."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margincall.wire.documents import Document, documents

ZIPPED = gzip.compress(b'{"a": 1.50}', mtime=0)


@pytest.mark.parametrize(
    ("data", "values"),
    [
        (b'{"a": 1.50}', [{"a": "1.50"}]),
        (ZIPPED, [{"a": "1.50"}]),
        (gzip.compress(b'{"a":', mtime=0) + gzip.compress(b"1}", mtime=0), [{"a": "1"}]),
        (b"\xef\xbb\xbf[1]", [["1"]]),
        (b'{"a": NaN, "b": -Infinity}', [{"a": "NaN", "b": "-Infinity"}]),
        (b'{"a": true, "b": null}', [{"a": True, "b": None}]),
        (b'{"a": 1}\n\n{"a": 2}\r\n', [{"a": "1"}, {"a": "2"}]),
        ('"ü\u2028"\n"x"'.encode(), ["ü\u2028", "x"]),
    ],
)
def test_numbers_stay_text(data: bytes, values: list[object]) -> None:
    found, problems = documents(data, "f")
    assert [document.value for document in found] == values
    assert problems == ()


@pytest.mark.parametrize(
    ("data", "place", "message"),
    [
        (b"", "", "empty"),
        (b" \n\t", "", "empty"),
        (gzip.compress(b"", mtime=0), "", "empty"),
        (ZIPPED[:-4], "", "ends early"),
        (ZIPPED[:12], "", "ends early"),
        (ZIPPED[:10] + b"\xff" * 20, "", "damaged gzip"),
        (b"PK\x03\x04xxxx", "", "zip archive"),
        (b"\xff\xfe{\x00}\x00", "", "UTF-16"),
        ("{}".encode("utf-16"), "", "UTF-16"),
        (b"PAR1xxxx", "", "Parquet"),
        (b'{"a": "\xe9"}', "byte 7", "not UTF-8"),
        (b'{"a": "\x00"}', "byte 7", "zero bytes"),
        (b"\x89PNG\r\n\x1a\n", "byte 0", "not UTF-8"),
        (b'[{"a": 1},', "line 1, column 11", "ends in the middle"),
        (b'[{"a": 1]', "line 1, column 9", "not JSON"),
        (b"time,symbol\n1,BTCUSDT\n", "line 1, column 1", "not JSON"),
        (b'{"a": 1, "a": 2}', "", "'a' stands twice"),
        (b"[" * 200_000, "", "nested too deeply"),
        (b'{"\\ud83d": 1}', "", "half a character"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_problem(data: bytes, place: str, message: str) -> None:
    found, (problem,) = documents(data, "some.json")
    assert found == ()
    assert (problem.file, problem.place) == ("some.json", place)
    assert message in problem.message
    assert len(problem.raw) <= 200


def test_a_broken_line_costs_only_itself() -> None:
    found, (problem,) = documents(b'{"a": 1}\n{"a": \n{"a": 3}\n', "f")
    assert found == (Document("line 1", {"a": "1"}), Document("line 3", {"a": "3"}))
    assert str(problem) == 'f: line 2: the file ends in the middle of the JSON text [{"a":]'


def test_a_small_file_cannot_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("margincall.wire.documents.SIZE_MAX", 1000)
    assert documents(gzip.compress(b"1" * 1000, mtime=0), "f")[1] == ()
    _, (problem,) = documents(gzip.compress(b"1" * 1001, mtime=0), "f")
    assert "more than 1000 bytes" in problem.message


@given(st.binary(max_size=200))
def test_no_bytes_raise(data: bytes) -> None:
    for each in (data, gzip.compress(data, mtime=0), gzip.compress(data, mtime=0)[: len(data)]):
        found, problems = documents(each, "f")
        assert found or problems
