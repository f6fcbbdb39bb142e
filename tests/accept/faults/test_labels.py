"""Forensics cannot read what is wrong in a case: labels lie in a folder of their own, no file of a user tells them, and
a verdict is the same without them.

Every file and folder that a verification opens is told by the interpreter itself (an audit hook), in a process of its
own.
"""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.accept.faults.evidence import LEVELS, Level, compose, save
from tests.accept.faults.registry import FAULTS
from tests.accept.faults.trial import laid_out, tried
from tests.sources import ROOT

KIND, SEED = "fee_twice", 1
WATCHED = """
import json, sys
opened = []
def watch(event, args):
    if event in ("open", "os.listdir", "os.scandir") and isinstance(args[0], (str, bytes)):
        opened.append(args[0] if isinstance(args[0], str) else args[0].decode())
sys.addaudithook(watch)
from pathlib import Path
from margincall.forensics.verify.document import document
from tests.accept.faults.judge import verdict
told = document(verdict(Path(sys.argv[1])))
json.dump({"opened": opened, "verdict": told}, sys.stdout)
"""
CODE = (ROOT / "src", ROOT / "tests", *(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib")))
"""Where code lies, and the data of the packages."""


def watched(evidence: Path) -> dict[str, object]:
    """A verification of a folder in a process of its own: what it opened, and its verdict."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(evidence)],
        capture_output=True, check=True, cwd=evidence.parent, env=environment, timeout=120,
    )  # fmt: skip
    return json.loads(done.stdout)


def strange(opened: list[str], evidence: Path) -> list[str]:
    """Paths that are neither evidence nor code: those of this project's tests only as code."""
    found = []
    for each in opened:
        path = Path(each) if os.path.isabs(each) else evidence.parent / each
        is_code = any(path.is_relative_to(place) for place in CODE) or path.suffix in (".py", ".pyc", ".so", ".zip")
        if path.exists() and not path.is_relative_to(evidence) and not is_code and path != evidence.parent:
            found.append(each)
    return found


@pytest.fixture
def case(tmp_path):
    """A folder of evidence, and a folder of labels that is not near it."""
    labels, place = tmp_path / "somewhere" / "labels", tmp_path / "else" / "case"
    labels.mkdir(parents=True)
    tried(KIND, SEED, labels, (Level("stream", "ticks"),))
    pair, _, _ = laid_out(KIND, SEED)
    save(pair.faulted, [pair.setting.victim], place / "saved", pair.setting.start_ms)
    evidence = compose(place / "saved", tmp_path / "user" / "evidence", pair.setting.victim, Level("api", "ticks"))
    return labels, evidence


def test_a_verdict_opens_nothing_but_its_evidence_and_is_the_same_without_labels(case):
    """Nor does it change when they are gone."""
    labels, evidence = case
    label = next(labels.iterdir())
    assert not label.is_relative_to(evidence)
    before = watched(evidence)
    assert any(Path(each).is_relative_to(evidence) for each in before["opened"])
    assert strange(before["opened"], evidence) == []
    assert not any(str(labels) in each for each in before["opened"])
    assert before["verdict"]["conclusion"] == "irregular"
    label.unlink()
    labels.rmdir()
    assert watched(evidence)["verdict"] == before["verdict"]


def test_what_is_strange_would_be_seen(case):
    """The rule of the test above can fail."""
    labels, evidence = case
    assert strange([str(next(labels.iterdir()))], evidence)


@pytest.mark.parametrize("kind", FAULTS)
def test_no_file_of_a_user_names_the_fault(kind, tmp_path):
    """Neither the kind, nor the command that injected it."""
    pair, _, _ = laid_out(kind, SEED)
    setting = pair.setting
    save(pair.faulted, [setting.victim], tmp_path / "saved", setting.start_ms)
    names = {kind, "fault", "inject", *(each.kind for each in setting.commands if hasattr(each, "on"))}
    for level in LEVELS:
        for path in compose(tmp_path / "saved", tmp_path / str(level), setting.victim, level).rglob("*"):
            text = path.read_text(encoding="utf-8").casefold() if path.is_file() else path.name.casefold()
            assert not [name for name in names if name in text], path
