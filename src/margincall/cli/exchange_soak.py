"""`margincall exchange soak`: random commands to random venues, under the eyes of an auditor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from margincall.cli.output import console, print_json, show
from margincall.errors import DIFFERENCES, FINE

if TYPE_CHECKING:
    from margincall.exchange.soak import Report


@click.command()
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="The first seed.")
@click.option("--count", default=1, show_default=True, type=click.IntRange(1), help="So many seeds, one after another.")
@click.option("--commands", default=300, show_default=True, type=click.IntRange(1), help="Commands of each seed.")
@click.option("--json", "as_json", is_flag=True, help="The answer for programs.")
@click.pass_context
def soak(ctx: click.Context, seed: int, count: int, commands: int, as_json: bool) -> None:
    """Play random commands to random venues while an auditor says what each must give.

    A seed is a rule-set and a flow of commands; the same seed gives the same ones everywhere. Exit code 1 if the
    auditor found something: the seed, the number of the command, and what is wrong after it.
    """
    from rich.progress import track

    from margincall.exchange.soak import run

    err = console(stderr=True)
    seeds = track(range(seed, seed + count), "seeds", console=err, disable=count == 1 or not err.is_terminal)
    reports = [run(each, commands) for each in seeds]
    if as_json:
        print_json({"schema": "margincall.soak/1", **_totals(reports), "runs": reports})
    else:
        _show(reports)
    ctx.exit(DIFFERENCES if any(report.failure for report in reports) else FINE)


def _totals(reports: list[Report]) -> dict[str, Any]:
    return {
        "seeds": len(reports),
        "failed": [report.seed for report in reports if report.failure],
        "commands": sum(report.commands for report in reports),
        "refused": sum(report.refused for report in reports),
        "trades": sum(report.trades for report in reports),
        "liquidations": sum(report.liquidations for report in reports),
        "deleveraged": sum(report.deleveraged for report in reports),
    }


def _show(reports: list[Report]) -> None:
    """One line a rule-set, then every failure with its command."""
    from margincall.forensics.present import Section

    out = console()
    by_rules: dict[str, list[Report]] = {}
    for report in reports:
        by_rules.setdefault(report.rules, []).append(report)
    rows = []
    for name in sorted(by_rules):
        totals = _totals(by_rules[name])
        sign = "✗" if totals["failed"] else "✓"
        numbers = [totals[key] for key in ("seeds", "commands", "refused", "trades", "liquidations", "deleveraged")]
        rows.append((f"{sign} {name}", *(f"{number:,}" for number in numbers)))
    columns = ("rule-set", "seeds", "commands", "refused", "trades", "liquidations", "deleveraged")
    show(out, Section("Soak", columns, tuple(rows), right=(1, 2, 3, 4, 5, 6)))
    for report in reports:
        if report.failure is not None:
            click.echo(f"seed {report.seed} ({report.rules}), after command {report.failure.number}:")
            click.echo(f"  {report.failure.command}")
            for problem in report.failure.problems:
                click.echo(f"  ✗ {problem}")
