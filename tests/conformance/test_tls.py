"""A machine on which no network of one's own can be had: that is said, and is no success."""

from pathlib import Path

import pytest

from tests.conformance.tls import run_script


def test_where_unshare_is_not_permitted_the_run_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unshare = tmp_path / "unshare"
    unshare.write_text("#!/bin/sh\necho 'unshare: unshare failed: Operation not permitted' >&2\nexit 1\n")
    unshare.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    (problem,) = run_script(["/bin/true"], tmp_path, trust=(), flags=(), patience_s=10)
    assert problem.startswith("no network of its own")
    assert "Operation not permitted" in problem


def test_where_there_is_no_unshare_the_run_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (problem,) = run_script(["/bin/true"], tmp_path, trust=(), flags=(), patience_s=10)
    assert problem.startswith("no network of its own")
