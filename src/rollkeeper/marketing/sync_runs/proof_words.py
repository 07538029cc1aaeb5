"""What the proof of a sync says, in the words that pages and commands show (B1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.marketing.target_groups.models import TargetGroup

IDENTICAL = "Identical to the CRM"
NOT_IDENTICAL = "Not identical to the CRM"
ACCOUNTED = "That accounts for the difference."
CARRIED = (
    "A sync of another target group has brought newer data of some of the same people since. "
    "Press Resync Target Group to compare again."
)


@dataclass(frozen=True, slots=True)
class Shown:
    """The verdict in a few words with its tone, sentences about it, when it was proved, and by which run."""

    words: str
    tone: str
    detail: str = ""
    verified_at: datetime | None = None
    run_id: int | None = None


def proof_of_run(run: SyncRun) -> Shown:
    """What a run proved when it ended."""
    if not run.mode or not run.crm_fingerprint:
        return Shown("Not compared", "quiet", run.defect, run_id=run.pk)
    if run.repaired:
        rows = "1 row" if run.repaired == 1 else f"{run.repaired:,} rows"
        after = "identical since" if run.identical else "not identical yet"
        words = f"Differed, repaired {rows}, {after}" if not run.held else f"Differed in {rows}, removals held"
        return Shown(words, "warn", run.defect, _when(run), run.pk)
    if run.identical:
        return Shown(IDENTICAL, "warn" if run.defect else "good", run.defect, _when(run), run.pk)
    if not run.defect and (run.set_aside or run.held):
        words = f"Not identical: {_accounted(run.set_aside, run.held)}"
        return Shown(words, "warn", ACCOUNTED, run_id=run.pk)
    return Shown(NOT_IDENTICAL, "warn", run.defect, run_id=run.pk)


def proof_of_group(group: TargetGroup, run: SyncRun | None) -> Shown:
    """What is proved of a group now. `run`: the one that made it what it is (`applied_run`)."""
    if group.synced_at is None or run is None:
        return Shown("Not compared", "quiet")
    if group.fingerprint != run.stored_fingerprint:
        return Shown(NOT_IDENTICAL, "warn", CARRIED, run_id=run.pk)
    return proof_of_run(run)


def applied_runs(groups: Sequence[TargetGroup]) -> dict[int | None, SyncRun]:
    """The runs that made these groups what they are, by id."""
    wanted = [group.applied_run for group in groups if group.applied_run is not None]
    return {run.pk: run for run in SyncRun.objects.filter(pk__in=wanted)}


def _when(run: SyncRun) -> datetime | None:
    return run.finished_at if run.identical else None


def _accounted(set_aside: int, held: int) -> str:
    """`3 rows set aside, 16 removals held`: what is not zero of it."""
    counts = ((set_aside, "row", "set aside"), (held, "removal", "held"))
    return ", ".join(f"{count:,} {noun}{'' if count == 1 else 's'} {what}" for count, noun, what in counts if count)
