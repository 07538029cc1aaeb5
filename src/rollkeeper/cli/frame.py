"""What every command has around it: exit codes, one answer on standard output, talk on standard error."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console


class Exit(IntEnum):
    """The exit codes of the contract."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    HELD = 3  # done, with removals held by the guard
    SOURCE = 4  # the CRM did not answer or answered nonsense; nothing was changed
    BUSY = 5  # another run of the same group is at work
    INTERRUPTED = 130


class Failure(Exception):
    """A command cannot do what was asked. The message is a sentence, with what to do where one can do something."""

    def __init__(self, message: str, code: Exit = Exit.FAILED) -> None:
        super().__init__(message)
        self.code = code


@dataclass(slots=True)
class Output:
    """Where a command's answer and talk go.

    Standard output carries the answer and nothing else: with `--json` exactly one JSON document, even
    where the command fails. Progress and messages go to standard error.
    """

    json: bool = False
    debug: bool = False
    answered: bool = False

    def answer(self, document: object, show: Callable[[Console], None]) -> None:
        """Give the command's answer, once: the document under `--json`, else whatever `show` prints."""
        self.answered = True
        if self.json:
            click.echo(json.dumps(document, default=_plain, ensure_ascii=False))
        else:
            show(console())

    def fail(self, message: str, code: int) -> None:
        """Under `--json`, answer with the failure, unless the command has answered already."""
        if self.json and not self.answered:
            self.answered = True
            click.echo(json.dumps({"error": message, "exit_code": int(code)}, ensure_ascii=False))

    def say(self, message: str) -> None:
        """A message to the person, on standard error."""
        click.echo(message, err=True)

    @contextlib.contextmanager
    def progress(self, doing: str) -> Iterator[None]:
        """Show on standard error, while the block runs, what is being done."""
        if not sys.stderr.isatty():
            self.say(f"{doing} …")
            yield
            return
        from rich.console import Console

        with Console(stderr=True).status(doing):
            yield


def console() -> Console:
    """Standard output for people: in colour and fitted on a terminal, plain and wide elsewhere."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else 200
    return Console(highlight=False, markup=False, emoji=False, width=width)  # what people entered is no markup


def _with_json(ctx: click.Context, parameter: click.Parameter, value: bool) -> bool:
    ctx.find_object(Output).json = value  # type: ignore[union-attr]  # `main` puts one there
    return value


json_option = click.option(
    "--json",
    is_flag=True,
    is_eager=True,  # before the other options, so that a mistake in those is answered in JSON too
    expose_value=False,
    callback=_with_json,
    help="Print one JSON document on standard output, and nothing else there.",
)


def _plain(value: Any) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)
