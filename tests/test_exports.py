"""The front door: what `import margincall` offers is a short, sorted list that works."""

import re
import tomllib

import margincall
from tests.sources import ROOT

NAMES_MAX = 30


def test_names_are_sorted_and_listed_once() -> None:
    names = list(margincall.__all__)
    assert names == sorted(set(names), key=lambda name: (name.casefold(), name))


def test_names_are_few() -> None:
    assert len(margincall.__all__) <= NAMES_MAX


def test_every_name_can_be_imported() -> None:
    missing = [name for name in margincall.__all__ if not hasattr(margincall, name)]
    assert missing == []


def test_every_public_value_is_listed() -> None:
    """A public name of ours that stands in the front door without being offered is a slip."""
    loose = [
        name
        for name, value in vars(margincall).items()
        if not name.startswith("_")
        and str(getattr(value, "__module__", "")).startswith("margincall")
        and name not in margincall.__all__
    ]
    assert loose == []


def test_version_is_the_one_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert margincall.__version__ == project["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+([a-z]+\d+)?", margincall.__version__)
