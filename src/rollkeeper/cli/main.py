"""The command `rollkeeper`: its table of commands, and what becomes of their failures.

Each command is a file of this folder, imported only when it is called, so that `--help` answers at once.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import cast

import click

from rollkeeper.cli.frame import Exit, Output
from rollkeeper.cli.mishap import explain

COMMANDS = {
    "up": ("rollkeeper.cli.up:up", "Start everything and serve until Ctrl-C."),
    "crm": ("rollkeeper.cli.crm:crm", "The CRM: constituents, marketing lists, jobs."),
    "bridge": ("rollkeeper.cli.bridge:bridge", "The bridges between the CRM and the marketing site."),
    "sync": ("rollkeeper.cli.sync:sync", "Sync the target group of a list now."),
    "held": ("rollkeeper.cli.held:held", "Removals that the guard holds: show, approve, discard."),
    "verify": ("rollkeeper.cli.verify:verify", "Compare a target group with its list, row by row."),
    "runs": ("rollkeeper.cli.runs:runs", "Sync runs, newest first."),
    "export-group": ("rollkeeper.cli.export:export_group", "Write the subscribers of a target group to a file."),
    "purge": ("rollkeeper.cli.purge:purge", "Drop history that is kept no longer."),
    "why": ("rollkeeper.cli.why:why", "Is a person in a target group, and why."),
    "work": ("rollkeeper.cli.work:work", "Run a worker."),
    "check": ("rollkeeper.cli.check:check", "Look for what is wrong, and say what to do."),
    "reset-password": (
        "rollkeeper.cli.administrator:reset_password",
        "Give a site's administrator a new password.",
    ),
    "site": ("rollkeeper.cli.site:site", "One site in a process of its own (`up` starts it)."),
}
HIDDEN = {"site"}


class Commands(click.Group):
    """A group that imports a command's file only when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in COMMANDS if name not in HIDDEN]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name][0].split(":")
        return cast("click.Command", getattr(importlib.import_module(module), attribute))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="rollkeeper", message="Rollkeeper %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback of an unexpected failure.")
@click.pass_obj
def rollkeeper(output: Output, debug: bool) -> None:
    """Keeps an association's e-mail audiences true to its membership records.

    State lives under ROLLKEEPER_HOME (default: ./var). Every command takes --help; those that answer
    something take --json.
    """
    output.debug = debug


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with the code of the contract (`docs/reference/command-line.md`)."""
    output = Output()
    try:
        code = rollkeeper.main(args=arguments, prog_name="rollkeeper", obj=output, standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has enough of it; Python must not complain of that once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = Exit.DONE
    except (click.Abort, KeyboardInterrupt):
        output.say("Interrupted.")
        code = Exit.INTERRUPTED
    except click.UsageError as error:
        error.show(sys.stderr)
        output.fail(error.format_message(), Exit.USAGE)
        code = Exit.USAGE
    except Exception as error:
        if output.debug:
            raise
        message, code = explain(error)
        output.say(message)
        output.fail(message, code)
    sys.exit(code if isinstance(code, int) else Exit.DONE)


if __name__ == "__main__":
    main()
