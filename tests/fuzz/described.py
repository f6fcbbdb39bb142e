"""schemathesis against the OpenAPI document that the server gives of itself."""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from tests.fuzz.target import FIGURES, TOLD, Target, served
from tests.sources import ROOT

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "answered_as_the_venue_does",
)  # fmt: skip
BEGIN = "import sys; from schemathesis.cli import schemathesis; sys.exit(schemathesis())"
SPARE_S = 120
"""So long after its time it is ended, and has failed."""


class Described(NamedTuple):
    """What came of it; `words` are what schemathesis printed, `routes` what it was to try."""

    is_passed: bool
    counts: Counter[str]
    words: str
    routes: frozenset[str]

    @property
    def untried(self) -> frozenset[str]:
        """Routes that were never asked: too little time."""
        return self.routes - {name.removeprefix("tried ") for name in self.counts if name.startswith("tried ")}

    @property
    def is_clean(self) -> bool:
        """Nothing wrong, and every route was asked."""
        return self.is_passed and not self.untried

    @property
    def figure(self) -> str:
        """One line."""
        statuses = {name: count for name, count in sorted(self.counts.items()) if name.isdigit()}
        codes = {name.split()[1] for name in self.counts if name[0].isdigit() and " " in name}
        return (
            f"{sum(statuses.values()):,} requests of schemathesis to {len(self.routes) - len(self.untried)} of "
            f"{len(self.routes)} routes, by status {statuses}, {len(codes)} codes; "
            f"after {self.counts['looked']:,} refusals the exchange was as before"
        )


def described(seconds: float, seed: int) -> Described:
    """So many seconds of schemathesis. An error that the server logs is something wrong too."""
    found = Described(False, Counter(), "", frozenset())
    try:
        with tempfile.TemporaryDirectory() as name, served(Path(name) / "exchange") as target:
            found = _tried(Path(name), target, seconds, seed)
    except AssertionError as error:
        return found._replace(is_passed=False, words=f"{found.words}\nthe server: {error}")
    return found


def _tried(folder: Path, target: Target, seconds: float, seed: int) -> Described:
    document, figures = folder / "openapi.json", folder / "figures.json"
    served_as = target.control("GET", "/openapi.json")
    document.write_text(json.dumps(served_as), encoding="utf-8")
    command = [
        sys.executable, "-c", BEGIN, "run", str(document), "--url", f"http://127.0.0.1:{target.port}",
        "--max-time", str(max(1, int(seconds))), "--seed", str(seed), "--checks", ",".join(CHECKS),
        "--phases", "examples,coverage,fuzzing", "--request-timeout", "10", "--max-failures", "10",
        "--continue-on-failure", "--suppress-health-check", "all", "--generation-database", "none",
        "--warnings", "off", "--no-color", "--output-truncate", "false", "--output-sanitize", "false",
    ]  # fmt: skip
    environment = {
        **os.environ, TOLD: json.dumps(target.told), FIGURES: str(figures), "SCHEMATHESIS_HOOKS": "tests.fuzz.hooks",
        "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT))),
    }  # fmt: skip
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=seconds + SPARE_S, check=False
    )
    counts = Counter(json.loads(figures.read_text(encoding="utf-8"))) if figures.exists() else Counter[str]()
    routes = frozenset(f"{method.upper()} {path}" for path, each in served_as["paths"].items() for method in each)
    return Described(done.returncode == 0, counts, done.stdout + done.stderr, routes)


if __name__ == "__main__":
    found = described(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    print(found.words)
    print(found.figure)
    sys.exit(not found.is_clean)
