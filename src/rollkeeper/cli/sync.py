"""`rollkeeper sync`: the audience sync of one target group, its preview, and a run that applies one."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

import click

from rollkeeper.cli import sync_run
from rollkeeper.cli.frame import Exit, Failure, Output, json_option
from rollkeeper.cli.target_group import find_group

if TYPE_CHECKING:
    from rollkeeper.marketing.previews.models import Preview
    from rollkeeper.marketing.target_groups.models import TargetGroup


@click.command()
@click.argument("code")
@click.option("--dry-run", is_flag=True, help="Make a preview: say what a sync would do; change nothing.")
@click.option("--preview", "number", type=int, metavar="N", help="Apply preview N: what it showed, or nothing.")
@click.option("--full", is_flag=True, help="Pull all of the list, not only what changed.")
@click.option("--approve-held", is_flag=True, help="Make the removals too that the guard would hold.")
@json_option
@click.pass_obj
def sync(output: Output, code: str, dry_run: bool, number: int | None, full: bool, approve_held: bool) -> Exit:
    """Sync the target group of the list CODE now, and wait for it.

    Exit codes: 0 done, 1 failed or (with --preview) refused because the world moved, 3 done with removals held,
    4 the CRM did not answer or answered nonsense (nothing was changed), 5 another run of the same group is at work.
    """
    if number is not None and (dry_run or approve_held or full):
        raise click.UsageError("--preview goes alone: what it applies was settled when the preview was made.")
    if dry_run and full:
        raise click.UsageError("--dry-run pulls what a sync would pull; --full is for a sync.")
    from rollkeeper.cli.database import enter

    enter("marketing")
    group = find_group(code)
    if dry_run:
        return _dry_run(output, group, approve_held)
    preview = _find_preview(group, number) if number is not None else None
    return _run(output, group, preview, approve_held=approve_held, full=full)


def _run(output: Output, group: TargetGroup, preview: Preview | None, *, approve_held: bool, full: bool) -> Exit:
    from rollkeeper.sync.events import Event

    with output.progress(f"Syncing {group.code}"):
        run = sync_run.perform_here(
            group.bridge,
            Event.RESYNC_COUNT_DETAILS,
            group=group,
            approve_held=preview.approve_held if preview is not None else approve_held,
            force_full=full,
            preview=preview,
        )
    if run.message:
        output.say(run.message + sync_run.hint(run))
    output.answer(sync_run.ended_now(run), lambda console: sync_run.show(console, run))
    return sync_run.exit_code(run)


def _dry_run(output: Output, group: TargetGroup, approve_held: bool) -> Exit:
    from rollkeeper.marketing.previews.make import make
    from rollkeeper.marketing.previews.models import Preview
    from rollkeeper.marketing.previews.request import create_preview

    with output.progress(f"Previewing the sync of {group.code}"):
        preview = create_preview(
            group, requested_by=getpass.getuser(), approve_held=approve_held, status=Preview.Status.RUNNING
        )
        preview = make(preview.pk)
    if preview.status != Preview.Status.READY:
        source = preview.error_kind == "source"
        hint = sync_run.crm_hint(group.bridge) if source else ""
        raise Failure(f"{preview.message}{hint}", Exit.SOURCE if source else Exit.FAILED)
    run = sync_run.as_run(preview)
    for sentence in filter(None, (run.message, run.alarm)):
        output.say(sentence)
    said = f"preview {preview.pk}; apply it with `rollkeeper sync {group.code} --preview {preview.pk}`"
    output.answer(sync_run.document(run), lambda console: sync_run.show(console, run, said))
    return sync_run.exit_code(run)


def _find_preview(group: TargetGroup, number: int) -> Preview:
    from rollkeeper.marketing.previews.models import Preview

    found = Preview.objects.filter(group=group, pk=number, status=Preview.Status.READY).first()
    if found is None:
        raise Failure(
            f"There is no preview {number} of {group.code} that can be applied. What to do: make one with "
            f"`rollkeeper sync {group.code} --dry-run`; previews are kept for a week."
        )
    return found
