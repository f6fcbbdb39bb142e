"""`margincall exchange judge`: the dispute desk of a scenario's exchange answers a dispute bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from margincall.cli.exchange_run import scenario_source
from margincall.cli.output import console, print_json, show
from margincall.errors import FINE, Refused, UsageError

if TYPE_CHECKING:
    from margincall.wire.claims import Claim


@click.command("judge")
@click.argument("scenario")
@click.argument("bundle", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--seed", type=int, help="Another seed than the scenario's, as the run had it.")
@click.option("--json", "as_json", is_flag=True, help="Print margincall.exchange.judge/1 for programs.")
def judge(scenario: str, bundle: Path, seed: int | None, *, as_json: bool) -> int:
    """Play SCENARIO again, as `exchange run` does, and let its dispute desk answer BUNDLE, the folder that `margincall
    dispute` wrote. The desk finds by the claim what is meant, and judges by its own journal alone: a claim of what
    never was is rejected. Exit code 4: the bundle is not as it was written.
    """
    from msgspec import structs

    from margincall.cli.exchange_views import disputes
    from margincall.config import located
    from margincall.exchange.bundles import judged
    from margincall.exchange.play import play
    from margincall.exchange.scenario import read_scenario
    from margincall.exchange.scenario_rules import rule_set_of
    from margincall.history.bracket_store import load_book

    claim = _claim(bundle)
    source, name, folder = scenario_source(scenario)
    found = read_scenario(source, name)
    found = found if seed is None else structs.replace(found, seed=seed)
    with located(source, name=name):
        rules = rule_set_of(found, folder, load_book())
        played = play(found, rules, folder)
    decisions = judged(played, rules, found, claim)
    assumed = {name for each in decisions for one in each.findings for name in one.assumptions}
    if as_json:
        print_json(
            {
                "schema": "margincall.exchange.judge/1",
                "scenario": found.name,
                "seed": found.seed,
                "disputes": decisions,
                "problems": [],
                "assumptions": sorted(assumed),
            }
        )
    else:
        for part in disputes(decisions):
            show(console(), part)
        click.echo("Simulated: the desk of this exchange promises nothing about any venue.")
    return FINE


def _claim(bundle: Path) -> Claim:
    from margincall.case.bundle import read_bundle
    from margincall.wire.claims import CLAIM, decode

    flaws = list(read_bundle(bundle))
    if flaws:
        raise Refused(f"{bundle} is not as it was written: {'; '.join(flaws[:5])}")
    path = bundle / CLAIM
    claim = decode(path.read_bytes(), str(path))
    if claim.redacted:
        raise UsageError(f"{bundle} is redacted: a desk cannot find what is meant by it")
    return claim
