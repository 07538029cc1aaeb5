"""`rollkeeper verify`: a target group and its list, compared row by row."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from rollkeeper.cli import sync_run
from rollkeeper.cli.frame import Exit, Failure, Output, json_option
from rollkeeper.cli.target_group import find_group

if TYPE_CHECKING:
    from rich.console import Console

    from rollkeeper.marketing.sync_runs.models import SyncRun
    from rollkeeper.marketing.sync_runs.verification import Verification
    from rollkeeper.marketing.target_groups.models import TargetGroup
    from rollkeeper.sync.connector import Connector


@click.command()
@click.argument("code")
@click.option("--repair", is_flag=True, help="Where something is wrong, sync and repair it from the CRM.")
@json_option
@click.pass_obj
def verify(output: Output, code: str, repair: bool) -> Exit:
    """Compute the target group of the list CODE anew from its rows on both sides, and compare.

    Writes nothing without --repair. Exit codes: 0 identical, or repaired; 1 a difference was found and told;
    3 repaired, with removals held; 4 the CRM did not answer or answered nonsense; 5 another run is at work.
    """
    from rollkeeper.cli.database import enter

    enter("marketing")
    from rollkeeper.marketing.bridges.connection import open_connector
    from rollkeeper.marketing.sync_runs.verification_words import findings
    from rollkeeper.sync.connector import ConnectorError, ListMissing, ListNotBuilt

    group = find_group(code)
    _require_quiet(group)
    started = time.monotonic()
    try:
        connector = open_connector(group.bridge)
        found, run = _verify(output, group, connector, repair=repair)
    except (ListMissing, ListNotBuilt) as error:
        raise Failure(str(error)) from error
    except ConnectorError as error:
        raise Failure(f"{error}{sync_run.crm_hint(group.bridge)}", Exit.SOURCE) from error
    words = findings(found)
    document = {
        **_document(group, found, words),
        "repair": sync_run.document(run) if run else None,
        "seconds": round(time.monotonic() - started, 3),
    }
    output.answer(document, lambda console: _show(console, group, found, words, run))
    if run is not None:
        code_of_run = sync_run.exit_code(run)
        return Exit.FAILED if code_of_run is Exit.DONE and not run.identical else code_of_run
    return Exit.DONE if found.is_identical else Exit.FAILED


def _require_quiet(group: TargetGroup) -> None:
    """Rows that a sync is about to change need no verifying. Raises `Failure`."""
    from django.utils import timezone

    from rollkeeper.marketing.sync_runs.charge import STALE_AFTER
    from rollkeeper.marketing.sync_runs.models import SyncRun

    running = SyncRun.objects.filter(
        group=group, status=SyncRun.Status.RUNNING, heartbeat_at__gt=timezone.now() - STALE_AFTER
    ).first()
    if running is not None:
        raise Failure(
            f"Run {running.pk} of the same target group is at work. Try again when it is done.", Exit.BUSY
        )


def _verify(
    output: Output, group: TargetGroup, connector: Connector, *, repair: bool
) -> tuple[Verification, SyncRun | None]:
    """What was found, and the run that repaired it where one was asked for and needed."""
    from contextlib import closing

    from rollkeeper.marketing.sync_runs import verification
    from rollkeeper.marketing.sync_runs.perform import spool_folder

    def ignored(rows: int) -> None:
        """How many rows differ is told in the end."""

    with output.progress(f"Verifying {group.code}"):
        found = verification.verify(group, connector, spool_folder(), ignored)
    with closing(found):
        if not repair or found.is_identical or found.is_explained:
            return found, None
        with output.progress(f"Repairing {group.code}"):
            return found, _repair(group, connector, found)


def _repair(group: TargetGroup, connector: Connector, found: Verification) -> SyncRun:
    """Have the CRM correct what it keeps, declare void what is wrong here, and sync."""
    from rollkeeper.marketing.sync_runs import verification
    from rollkeeper.sync.connector import TellsRanges, VerifiesItself
    from rollkeeper.sync.events import Event

    if not found.theirs.is_consistent and isinstance(connector, VerifiesItself):
        connector.verify(group.code, repair=True)
    if not found.ours.is_sound:
        verification.mark(group, found.ours)
    return sync_run.perform_here(
        group.bridge,
        Event.RESYNC_COUNT_DETAILS,
        group=group,
        force_full=not isinstance(connector, TellsRanges),
    )


def _document(group: TargetGroup, found: Verification, words: list[str]) -> dict[str, Any]:
    from rollkeeper.sync.member import fingerprint_text

    ours, theirs, between = found.ours, found.theirs, found.between
    return {
        "list": group.code,
        "identical": found.is_identical,
        "explained": found.is_explained,
        "findings": words,
        "here": {
            "members": ours.stored.members,
            "fingerprint": fingerprint_text(ours.rows.fingerprint),
            "kept_fingerprint": fingerprint_text(ours.kept.fingerprint),
            "unchecked": ours.unchecked,
            "wrong_data": ours.data,
            "wrong_memberships": ours.memberships,
            "orphaned_memberships": ours.orphans,
            "wrong_counts": [
                {"name": name, "kept": kept, "counted": counted} for name, kept, counted in ours.counts
            ],
        },
        "crm": {
            "members": theirs.rows.members,
            "fingerprint": fingerprint_text(theirs.rows.fingerprint),
            "kept_fingerprint": fingerprint_text(theirs.kept.fingerprint) if theirs.kept else None,
            "consistent": theirs.is_consistent,
            "changed_since_sync": theirs.changed_since,
        },
        "missing": between.missing,
        "surplus": between.surplus,
        "different": between.other,
        "held": between.held,
        "set_aside": between.set_aside,
    }


def _show(console: Console, group: TargetGroup, found: Verification, words: list[str], run: SyncRun | None) -> None:
    if found.is_identical:
        console.print(f"{group.code}: identical to the CRM, {found.ours.rows.members:,} rows verified")
    else:
        console.print(f"{group.code}: not identical to the CRM")
    for sentence in words:
        console.print(f"  {sentence.replace('CODE', group.code)}")
    if run is not None:
        sync_run.show(console, run)
