"""A run bound to a preview writes what that preview showed, or nothing (B4).

Both checks are part of the transaction that writes: nobody comes between. The first compares what a plan is made
of, before anything is written; the second what came of it, for what no fingerprint covers (an opt-out of a
person's own moves a status that the preview showed).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import class_row

from rollkeeper.marketing.previews.basis import Basis, basis_of

if TYPE_CHECKING:
    from rollkeeper.marketing.subscribers.store import Applied
    from rollkeeper.sync.plan import Guard, Plan, Verdict


class WorldMoved(Exception):
    """The run may not write: what it would write is not what its preview showed."""

    def __init__(self, preview_id: int, what: str) -> None:
        super().__init__(
            f"Not applied: since preview {preview_id} was made, {what}. Nothing was changed. Make a new preview."
        )


def check_world(
    connection: psycopg.Connection[Any], preview_id: int, group_id: int, made: Plan, verdict: Verdict, guard: Guard
) -> None:
    """Before the write: raises `WorldMoved` where the plan stands on anything else than the preview did."""
    shown = _shown(connection, preview_id)
    moved = shown.what_moved(basis_of(connection, group_id, made, guard))
    if moved:
        raise WorldMoved(preview_id, moved)
    row = connection.execute(
        "SELECT added, updated, set_aside, held FROM sync_preview WHERE id = %s", [preview_id]
    ).fetchone()
    counts = made.counts
    if row != (counts.added, counts.updated, counts.set_aside, verdict.held):
        raise WorldMoved(preview_id, "rows that it showed turned out otherwise (the database may refuse one)")


def check_result(connection: psycopg.Connection[Any], preview_id: int, applied: Applied) -> None:
    """After the write, before the commit: raises `WorldMoved` where other statuses moved than were shown."""
    row = connection.execute(
        "SELECT unsubscribed, resubscribed, members FROM sync_preview WHERE id = %s", [preview_id]
    ).fetchone()
    if row != (applied.unsubscribed, applied.resubscribed, applied.members):
        raise WorldMoved(preview_id, "the status of people whom it showed changed")


def _shown(connection: psycopg.Connection[Any], preview_id: int) -> Basis:
    """What the preview was made against. Locks the preview: it is not purged while it is being applied."""
    with connection.cursor(row_factory=class_row(Basis)) as cursor:
        basis = cursor.execute(
            "SELECT crm_fingerprint, list_version, group_fingerprint, fields_key, removal_share, removal_floor, "
            "held_before FROM sync_preview WHERE id = %s AND status = 'ready' FOR KEY SHARE",
            [preview_id],
        ).fetchone()
    if basis is None:
        raise WorldMoved(preview_id, "it was discarded")
    return basis
