"""What a preview stands on (B4): while all of it is the same, a sync writes what the preview showed.

The fingerprints of both sides name every row that the merge compares, so equal ones make an equal plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from rollkeeper.marketing.sync_runs import proof
from rollkeeper.sync.member import field_set_key

if TYPE_CHECKING:
    from rollkeeper.sync.plan import Guard, Plan


@dataclass(frozen=True, slots=True)
class Basis:
    """The CRM's list (fingerprint, version), our group (fingerprint), the view, the guard, what is held already."""

    crm_fingerprint: str
    list_version: str
    group_fingerprint: str
    fields_key: str
    removal_share: int
    removal_floor: int
    held_before: int

    def what_moved(self, now: Basis) -> str:
        """What is different now, as the end of a sentence; empty where nothing is."""
        if self.fields_key != now.fields_key:
            return "the CRM's personalization view changed"
        if (self.crm_fingerprint, self.list_version) != (now.crm_fingerprint, now.list_version):
            return "the list or its people changed in the CRM"
        if self.group_fingerprint != now.group_fingerprint:
            return "another sync changed the target group"
        if (self.removal_share, self.removal_floor) != (now.removal_share, now.removal_floor):
            return "the guard's limits were changed"
        if self.held_before != now.held_before:
            return "the removals that were held changed"
        return ""


def basis_of(connection: psycopg.Connection[Any], group_id: int, made: Plan, guard: Guard) -> Basis:
    """What a plan stands on, as the transaction sees it."""
    row = connection.execute(
        "SELECT fingerprint, count_held FROM target_group WHERE id = %s", [group_id]
    ).fetchone()
    if row is None:
        raise LookupError(f"There is no target group {group_id}.")
    return Basis(
        crm_fingerprint=proof.crm_fingerprint(made),
        list_version=made.closing.version,
        group_fingerprint=row[0],
        fields_key=field_set_key(made.fields),
        removal_share=int(guard.share * 100),
        removal_floor=guard.floor,
        held_before=row[1],
    )
