"""The generated page: client, method, result."""

from typing import Any

HEAD = """# Clients that were tried

Written by `make conformance`, which lets real clients, as their packages are installed, call `margincall exchange
serve`; do not edit. They are unmodified and only told another address. Each calls its methods against a market that
moves; what a method changes is looked for in other answers and in the streams. A warning of a client, for instance of
a typed model about a key that it does not know, counts as a failure.

| client | version | methods | ok | refused as the venue does | unsupported by the venue | failed |
|---|---|---|---|---|---|---|
"""
RESULTS = ("ok", "refused as the venue does", "unsupported by the venue")


def page(runs: list[tuple[dict[str, Any], list[dict[str, str]]]]) -> str:
    """The page of what was found; the rows as in `docs/accept/conformance.json`, and the lines of each client."""
    parts = [HEAD + "".join(_summary(row) for row, _ in runs)]
    for row, lines in runs:
        parts.append(f"\n## {row['client']}\n\n{row['package']} {row['version']}\n\n")
        parts.append("| method | result | |\n|---|---|---|\n")
        parts += [f"| `{line['method']}` | {line['result']} | {_cell(line['detail'])} |\n" for line in lines]
    return "".join(parts)


def _summary(row: dict[str, Any]) -> str:
    counts = [row["results"].get(each, 0) for each in RESULTS]
    numbers = [row["methods"], *counts, row["methods"] - sum(counts)]
    return f"| [{row['client']}](#{row['client']}) | {row['version']} | {' | '.join(map(str, numbers))} |\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
