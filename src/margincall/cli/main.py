"""The `margincall` command. Each sub-command lives in its own file and is imported only when it is called."""

import importlib
import sys
from collections.abc import Mapping
from typing import Any

import click

from margincall.errors import BUG, NOTHING_USABLE, USAGE, MargincallError
from margincall.extras import missing_extra

COMMANDS: Mapping[str, tuple[str, str]] = {
    "explain": ("margincall.cli.explain:explain", "Explain past liquidations from the venue's files."),
    "verify": ("margincall.cli.verify:verify", "Check a past liquidation against every rule that is published."),
    "recover": ("margincall.cli.recover:recover", "What is left, who got what, what can be asked for and until when."),
    "report": ("margincall.cli.report:report", "A whole case on one page and as a PDF, with charts."),
    "rescue": ("margincall.cli.rescue:rescue", "Save a liquidation's evidence before the venue forgets it."),
    "case": ("margincall.cli.case:case", "Folders of evidence that are never altered."),
    "dispute": ("margincall.cli.dispute:dispute", "Write what to send to the venue about a liquidation."),
    "calc": ("margincall.cli.calc:calc", "Liquidation interval, bankruptcy price, ratio and remedy from a few flags."),
    "exchange": ("margincall.cli.exchange:exchange", "An exchange on this machine that really liquidates."),
    "market": ("margincall.cli.market:market", "Market data in one store: import, fetch, show."),
    "brackets": ("margincall.cli.brackets:brackets", "Import, list, show, infer and check bracket tables."),
}


class LazyGroup(click.Group):
    """A group whose help needs none of its commands' imports."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of the main job."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command that is called."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="margincall")
def cli() -> None:
    """What happened to my position, was it right, and how do I stop it happening again?

    Exit codes: 0 fine, 1 differences or irregularities found, 2 nothing usable, 3 usage or configuration,
    4 refused for safety, 70 bug. Of verify, dispute and report also: 5 these files do not tell, 6 not judged.
    """


def main() -> None:
    """Run the command line; every way out has an exit code that means something."""
    try:
        code: Any = cli.main(standalone_mode=False)
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except click.Abort:
        click.echo("stopped", err=True)
        code = 130
    except click.ClickException as error:
        error.show()
        code = USAGE
    except MargincallError as error:
        click.echo(f"margincall: {error}", err=True)
        code = error.exit_code
    except FileNotFoundError as error:
        click.echo(f"margincall: no such file: {error.filename}", err=True)
        code = NOTHING_USABLE
    except BrokenPipeError:
        code = 0
    except Exception as error:
        code = _unexpected(error)
    sys.exit(code if isinstance(code, int) else 0)


def _unexpected(error: Exception) -> int:
    """The exit code of what is no error for the user: a library that an extra installs is missing, or a bug."""
    if isinstance(error, ModuleNotFoundError) and (text := missing_extra(error)):
        click.echo(f"margincall: {text}", err=True)
        return USAGE
    click.echo("margincall: this is a bug; please report the lines below (they hold no secrets)", err=True)
    sys.excepthook(type(error), error, error.__traceback__)
    return BUG
