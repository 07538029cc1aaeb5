"""`rollkeeper runs`: what syncs did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from rollkeeper.cli import sync_run
from rollkeeper.cli.frame import Output, json_option

if TYPE_CHECKING:
    from rich.console import Console

    from rollkeeper.marketing.sync_runs.models import SyncRun


@click.command()
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many to show.")
@json_option
@click.pass_obj
def runs(output: Output, limit: int) -> None:
    """Sync runs, newest first."""
    from rollkeeper.cli.database import enter

    enter("marketing")
    from rollkeeper.marketing.sync_runs.models import SyncRun

    found = list(SyncRun.objects.select_related("bridge", "group").order_by("-pk")[:limit])
    output.answer([sync_run.document(run) for run in found], lambda console: _show(console, found))


def _show(console: Console, found: Sequence[SyncRun]) -> None:
    from rich.table import Table

    table = Table("Run", "Requested", "Event", "List", "Status", "Mode", box=None)
    for heading in ("Received", "Added", "Updated", "Removed", "Set aside", "Members"):
        table.add_column(heading, justify="right")
    for run in found:
        counts = (run.received, run.added, run.updated, run.removed, run.set_aside, run.members)
        table.add_row(
            str(run.pk),
            f"{run.requested_at:%Y-%m-%d %H:%M}",
            run.event,
            run.group.code if run.group else "(catalog)",
            run.status,
            run.mode,
            *(f"{count:,}" if run.group else "" for count in counts),
        )
    console.print(table)
