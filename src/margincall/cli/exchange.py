"""`margincall exchange`: a whole venue on this machine."""

import click

from margincall.cli.exchange_judge import judge
from margincall.cli.exchange_run import run
from margincall.cli.exchange_serve import serve
from margincall.cli.exchange_soak import soak


@click.group()
def exchange() -> None:
    """A futures exchange on this machine that really liquidates: order book, marks, insurance fund, deleveraging."""


exchange.add_command(run)
exchange.add_command(serve)
exchange.add_command(judge)
exchange.add_command(soak)
