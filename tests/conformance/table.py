"""The generated page: client, method, result."""

from typing import Any

HEAD = """# Clients that were tried

Written by `make conformance`, which lets real clients, as their packages are installed, call `margincall exchange
serve`; do not edit. They are unmodified and only told another address; those whose names begin with `tls_` are told
none, but an authority to trust, in a network where the venue's names lead to the server. Most call their methods
against a market that moves, where limits are counted and not enforced (but for `error 429` and `error 418`), since the
official SDK has more methods than they allow in a minute. What a method changes is looked for in other answers and in
the streams. A warning of a client, for instance of a typed model about a key that it does not know, counts as a
failure.

| client | version | methods | ok | refused as the venue does | unsupported by the venue | failed |
|---|---|---|---|---|---|---|
"""
RESULTS = ("ok", "refused as the venue does", "unsupported by the venue")


def page(rows: list[dict[str, Any]]) -> str:
    """The page of the clients in `docs/accept/conformance.json`."""
    parts = [HEAD, *map(_summary, rows)]
    for row in rows:
        parts.append(f"\n## {row['client']}\n\n{row['package']} {row['version']}\n\n")
        parts.append("| method | result | |\n|---|---|---|\n")
        parts += [f"| `{each['method']}` | {each['result']} | {_cell(each['detail'])} |\n" for each in row["methods"]]
    return "".join(parts)


def _summary(row: dict[str, Any]) -> str:
    counts = [row["results"].get(each, 0) for each in RESULTS]
    methods = sum(row["results"].values())
    numbers = " | ".join(map(str, [methods, *counts, methods - sum(counts)]))
    return f"| [{row['client']}](#{row['client']}) | {row['version']} | {numbers} |\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
