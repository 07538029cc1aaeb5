"""A sync run as commands give it: the JSON of the contract, lines for people, the exit code."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rollkeeper.cli.frame import Exit

if TYPE_CHECKING:
    from rich.console import Console

    from rollkeeper.marketing.bridges.models import Bridge
    from rollkeeper.marketing.previews.models import Preview
    from rollkeeper.marketing.sync_runs.models import SyncRun
    from rollkeeper.marketing.target_groups.models import TargetGroup
    from rollkeeper.sync.events import Event

COUNTS = (
    "received",
    "added",
    "updated",
    "unchanged",
    "unsubscribed",
    "resubscribed",
    "removed",
    "set_aside",
    "held",
    "members",
)
TRAVELLED = {
    "full": "all of the list was pulled",
    "delta": "only what changed was pulled",
    "unchanged": "the list had not changed",
}
BUSY = ("busy", "abandoned")  # `abandoned`: another run took charge before this one could


def perform_here(
    bridge: Bridge,
    event: Event,
    *,
    group: TargetGroup | None = None,
    approve_held: bool = False,
    approved_removals: int | None = None,
    preview: Preview | None = None,
    force_full: bool = False,
    before: Callable[[SyncRun], object] | None = None,
) -> SyncRun:
    """Make a run and perform it in this process: the audience sync of the group, or the bridge's catalog sync.

    `before` is called with the run before it is performed.
    """
    from rollkeeper.marketing.sync_runs.models import SyncRun
    from rollkeeper.marketing.sync_runs.perform import perform
    from rollkeeper.marketing.sync_runs.request import create_run
    from rollkeeper.sync.events import Kind

    run = create_run(
        bridge,
        Kind.CATALOG if group is None else Kind.AUDIENCE,
        event,
        group=group,
        requested_by=getpass.getuser(),
        approve_held=approve_held,
        approved_removals=approved_removals,
        force_full=force_full,
        preview=preview,
        status=SyncRun.Status.RUNNING,  # not waiting: no worker has to come for it
    )
    if before is not None:
        before(run)
    try:
        return perform(run.pk)
    except KeyboardInterrupt:
        _end_interrupted(run)
        raise


def _end_interrupted(run: SyncRun) -> None:
    from django.utils import timezone

    from rollkeeper.marketing.sync_runs.models import SyncRun

    SyncRun.objects.filter(pk=run.pk, status=SyncRun.Status.RUNNING).update(
        status=SyncRun.Status.FAILED,
        error_kind="cancelled",
        message="Interrupted at the terminal; nothing was changed.",
        finished_at=timezone.now(),
    )


def as_run(preview: Preview) -> SyncRun:
    """A preview as the run that it shows, never saved: `pk` is None."""
    from rollkeeper.marketing.sync_runs.models import SyncRun
    from rollkeeper.sync.events import Event, Kind

    shared = (
        "bridge", "group", "approve_held", "requested_by", "requested_at", "started_at", "finished_at", "message",
        "mode", "crm_fingerprint", "stored_fingerprint", "list_as_of", "list_version", "alarm", *COUNTS,
    )  # fmt: skip
    return SyncRun(
        kind=Kind.AUDIENCE.value,
        event=Event.RESYNC_COUNT_DETAILS.value,
        status=SyncRun.Status.HELD if preview.held else SyncRun.Status.COMPLETED,
        repaired=0,
        defect="",
        preview=preview,
        **{name: getattr(preview, name) for name in shared},
    )


def ended_now(run: SyncRun) -> dict[str, Any]:
    """The document of a run that has just ended; one that changed nothing says how many members there are."""
    if run.group is None or run.status in ("completed", "held"):
        return document(run)
    run.group.refresh_from_db(fields=["count_members"])
    return {**document(run), "members": run.group.count_members}


def document(run: SyncRun) -> dict[str, Any]:
    """The run as one JSON object (`docs/reference/command-line.md`). `run` is null for a preview.

    `preview` is the number of the preview: of what is shown, or of what the run was to apply.
    """
    from rollkeeper.marketing.sync_runs.proof_words import proof_of_run

    ended, proof = run.finished_at, proof_of_run(run)
    return {
        "run": run.pk,
        "preview": run.preview_id,
        "kind": run.kind,
        "event": run.event,
        "bridge": run.bridge.name,
        "list": run.group.code if run.group else None,
        "status": run.status,
        "mode": run.mode,
        **{name: getattr(run, name) for name in COUNTS},
        "crm_fingerprint": run.crm_fingerprint,
        "stored_fingerprint": run.stored_fingerprint,
        "identical": run.identical if run.group else None,
        "verified_at": proof.verified_at if run.group else None,
        "proof": proof.words if run.group else None,
        "defect": run.defect,
        "repaired": run.repaired,
        "list_as_of": run.list_as_of,
        "requested_by": run.requested_by,
        "started_at": run.started_at,
        "finished_at": ended,
        "seconds": round((ended - run.started_at).total_seconds(), 3) if ended and run.started_at else None,
        "message": run.message,
        "alarm": run.alarm,
    }


def exit_code(run: SyncRun) -> Exit:
    """The exit code of the contract for a run that has ended."""
    if run.status == "completed":
        return Exit.DONE
    if run.status == "held":
        return Exit.HELD
    if run.error_kind in BUSY:
        return Exit.BUSY
    return Exit.SOURCE if run.error_kind == "source" else Exit.FAILED


def show(console: Console, run: SyncRun, said: str = "") -> None:
    """The run for people: what came of it (`said`, or its status), and the proof."""
    from rollkeeper.marketing.sync_runs.proof_words import proof_of_run

    console.print(f"{run.group.code if run.group else run.bridge.name}: {said or run.get_status_display().lower()}")
    if run.group is None or run.status not in ("completed", "held"):
        return
    console.print("  " + ", ".join(f"{getattr(run, name):,} {name.replace('_', ' ')}" for name in COUNTS))
    console.print(f"  {TRAVELLED[run.mode]}")
    proof = proof_of_run(run)
    verdict = proof.words[0].lower() + proof.words[1:]
    console.print(f"  {verdict} (CRM {run.crm_fingerprint}, here {run.stored_fingerprint})")
    if proof.detail:
        console.print(f"  {proof.detail}")
    if run.alarm:
        console.print(f"  {run.alarm}")
    if run.list_as_of:
        console.print(f"  list as of {run.list_as_of:%Y-%m-%d %H:%M:%S} UTC")


def hint(run: SyncRun) -> str:
    """What to do: where removals are held, and where a run failed because the bundled CRM is not up."""
    if run.held and run.group:
        return f" What to do: `rollkeeper held {run.group.code}` says who they are, and approves or discards them."
    return crm_hint(run.bridge) if run.error_kind == "source" else ""


def crm_hint(bridge: Bridge) -> str:
    """What to do where the CRM of this machine does not answer; empty where it does, or is on another machine."""
    from rollkeeper.cli.home import answers
    from rollkeeper.cli.preparation import LOOPBACK

    if urlsplit(bridge.url).hostname not in LOOPBACK or answers(f"{bridge.url}/livez"):
        return ""
    return f" The CRM site is not running at {bridge.url}. What to do: start it with `rollkeeper up`."
