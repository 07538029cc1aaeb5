"""`rollkeeper sync`: the audience sync of one target group, in this process."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

import click

from rollkeeper.cli import sync_run
from rollkeeper.cli.frame import Exit, Failure, Output, json_option
from rollkeeper.cli.target_group import find_group

if TYPE_CHECKING:
    from rollkeeper.marketing.sync_runs.models import SyncRun
    from rollkeeper.marketing.target_groups.models import TargetGroup


@click.command()
@click.argument("code")
@click.option("--dry-run", is_flag=True, help="Say what it would do; write nothing.")
@click.option("--approve-held", is_flag=True, help="Make the removals too that the guard would hold.")
@json_option
@click.pass_obj
def sync(output: Output, code: str, dry_run: bool, approve_held: bool) -> Exit:
    """Sync the target group of the list CODE now, and wait for it.

    Exit codes: 0 done, 1 failed, 3 done with removals held, 4 the CRM did not answer or answered nonsense (nothing
    was changed), 5 another run of the same group is at work.
    """
    from rollkeeper.cli.database import enter

    enter("marketing")
    from rollkeeper.sync.events import Event

    group = find_group(code)
    with output.progress(f"Syncing {code}"):
        if dry_run:
            run = _preview(group, approve_held)
        else:
            run = sync_run.perform_here(
                group.bridge, Event.RESYNC_COUNT_DETAILS, group=group, approve_held=approve_held
            )
    if run.message:
        output.say(run.message + sync_run.hint(run))
    output.answer(sync_run.document(run), lambda console: sync_run.show(console, run))
    return sync_run.exit_code(run)


def _preview(group: TargetGroup, approve_held: bool) -> SyncRun:
    from rollkeeper.marketing.sync_runs.audience import TooBusy
    from rollkeeper.marketing.sync_runs.preview import preview
    from rollkeeper.sync.connector import ConnectorError

    def ignored(rows: int) -> None:
        """How many rows have come is not shown."""

    try:
        return preview(group, approve_held=approve_held, requested_by=getpass.getuser(), progress=ignored)
    except TooBusy as error:
        raise Failure(str(error), Exit.BUSY) from error
    except ConnectorError as error:
        raise Failure(f"{error}{sync_run.crm_hint(group.bridge)}", Exit.SOURCE) from error
