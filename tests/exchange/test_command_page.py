"""The pages name what can be asked, and nothing else: commands and faults are closed sets."""

import re
from typing import get_args

from margincall.exchange import commands
from tests.sources import ROOT

SPEC = ROOT / "docs" / "spec"


def test_the_page_names_every_command() -> None:
    page = (SPEC / "exchange.md").read_text(encoding="utf-8")
    listed = page[page.index("**Commands**") : page.index("`receive(")]
    named = re.findall(r"`([a-z_]+)`", listed)
    tags = [each.__struct_config__.tag for each in get_args(commands.AnyCommand)]
    assert sorted(named) == sorted(tags)


def test_the_page_names_every_fault() -> None:
    page = (SPEC / "disputes.md").read_text(encoding="utf-8")
    table = page[page.index("## Faults") : page.index("## What is compared")]
    named = re.findall(r"^\| `([a-z_]+)` \|", table, re.MULTILINE)
    assert sorted(named) == sorted(get_args(commands.FaultKind))
