"""`rollkeeper bridge …`: what concerns a bridge as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rollkeeper.cli import sync_run
from rollkeeper.cli.frame import Exit, Failure, Output, json_option

if TYPE_CHECKING:
    from rich.console import Console


@click.group()
def bridge() -> None:
    """The bridges between the CRM and the marketing site."""


@bridge.command()
@json_option
@click.pass_obj
def refresh(output: Output) -> Exit:
    """Bring the lists and the personalization fields over from the CRM, for every bridge (a catalog sync)."""
    from rollkeeper.cli.database import enter

    enter("marketing")
    from rollkeeper.marketing.bridges.models import Bridge
    from rollkeeper.sync.events import Event

    bridges = list(Bridge.objects.filter(is_enabled=True))
    if not bridges:
        raise Failure("There is no bridge. What to do: `rollkeeper up` makes one to the bundled CRM.")
    ended = []
    for each in bridges:
        with output.progress(f"Refreshing {each.name}"):
            run = sync_run.perform_here(each, Event.REFRESH_BRIDGE_CONFIGURATION)
        output.say(f"{each.name}: {run.message}{sync_run.hint(run)}")
        ended.append(run)

    def show(console: Console) -> None:
        for run in ended:
            sync_run.show(console, run)

    output.answer([sync_run.document(run) for run in ended], show)
    return max(sync_run.exit_code(run) for run in ended)
