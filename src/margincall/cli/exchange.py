"""`margincall exchange`: a whole venue on this machine."""

import click

from margincall.cli.exchange_run import run


@click.group()
def exchange() -> None:
    """A futures exchange on this machine that really liquidates: order book, marks, insurance fund, deleveraging."""


exchange.add_command(run)
