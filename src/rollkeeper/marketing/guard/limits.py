"""The guard's limits of a target group: its own, else its bridge's; who changed them (B3)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import psycopg
from django.db import transaction

from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.guard.models import GuardChange
from rollkeeper.marketing.target_groups.models import TargetGroup
from rollkeeper.sync.plan import Guard


@dataclass(frozen=True, slots=True)
class Limits:
    """Share in per cent and floor in people. Of a group, None stands for the bridge's."""

    share: int | None
    floor: int | None


def limits_now(connection: psycopg.Connection[Any], group_id: int) -> Guard:
    """The guard of a group, as the transaction sees its limits."""
    row = connection.execute(
        "SELECT coalesce(g.removal_share, b.removal_share), coalesce(g.removal_floor, b.removal_floor) "
        "FROM target_group g JOIN bridge b ON b.id = g.bridge_id WHERE g.id = %s",
        [group_id],
    ).fetchone()
    if row is None:
        raise LookupError(f"There is no target group {group_id}.")
    return _guard(*row)


def guard_of(group: TargetGroup) -> Guard:
    """The guard of a group as its rows were read."""
    bridge = group.bridge
    share = bridge.removal_share if group.removal_share is None else group.removal_share
    floor = bridge.removal_floor if group.removal_floor is None else group.removal_floor
    return _guard(share, floor)


def _guard(share: int, floor: int) -> Guard:
    return Guard(Fraction(share, 100), floor)


def effect(guard: Guard, members: int) -> str:
    """What the limits mean for a group of so many members, in a sentence."""
    most = guard.most(members)
    if members == 0:
        return "The group has no members yet: nobody can leave."
    if most == 0:
        return f"Of {members:,} member{'s' if members > 1 else ''} nobody may leave unasked."
    return f"Of {members:,} members up to {most:,} may leave at once; if more would, all removals are held."


def bridge_effect(bridge: Bridge) -> str:
    """What a bridge's limits mean, by its largest target group that has none of its own."""
    group = (
        bridge.target_groups.filter(removal_share=None, removal_floor=None, count_members__gt=0)
        .order_by("-count_members")
        .first()
    )
    if group is None:
        return (
            f"Up to {bridge.removal_share} % of a target group's members may leave in one sync, "
            f"and fewer than {bridge.removal_floor:,} people in any case."
        )
    sentence = effect(_guard(bridge.removal_share, bridge.removal_floor), group.count_members)
    return f"In the largest target group, {group.name}: {sentence[:1].lower()}{sentence[1:]}"


@transaction.atomic
def change_limits(owner: Bridge | TargetGroup, limits: Limits, *, changed_by: str) -> bool:
    """Set the limits of a bridge or of one group and keep who did it; False where they are so already."""
    now = type(owner).objects.select_for_update(no_key=True).get(pk=owner.pk)
    before = Limits(now.removal_share, now.removal_floor)
    if before == limits:
        return False
    type(owner).objects.filter(pk=owner.pk).update(removal_share=limits.share, removal_floor=limits.floor)
    group = owner if isinstance(owner, TargetGroup) else None
    GuardChange.objects.create(
        bridge_id=group.bridge_id if group else owner.pk,
        group=group,
        share_before=before.share,
        floor_before=before.floor,
        share=limits.share,
        floor=limits.floor,
        changed_by=changed_by,
    )
    return True
