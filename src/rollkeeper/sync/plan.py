"""The plan of an audience sync as a value: what would be written, and whether the guard lets it (B3, B4)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import pyarrow as pa

from rollkeeper.sync.connector import Closing
from rollkeeper.sync.member import Field, member_schema
from rollkeeper.sync.spool import Spool

REMOVED_SHARE = Fraction(15, 100)  # B3: the default share of removals that a sync may make unasked
REMOVED_FLOOR = 10  # B3: fewer removals than this are never held


def write_schema(fields: tuple[Field, ...]) -> pa.Schema:
    """A row to write: the member, whether its address is well-formed, its subscriber (null: not a member yet)."""
    extra = [pa.field("address_valid", pa.bool_()), pa.field("subscriber_id", pa.int64())]
    return pa.schema([*member_schema(fields), *extra])


@dataclass(frozen=True, slots=True)
class Counts:
    """What a plan does. received = added + updated + unchanged + set_aside, by construction (B7)."""

    received: int
    added: int
    updated: int
    unchanged: int
    set_aside: int
    removed: int

    def __post_init__(self) -> None:
        if self.received != self.added + self.updated + self.unchanged + self.set_aside:
            raise AssertionError(f"The counts of a plan do not add up: {self}")


@dataclass(frozen=True, slots=True)
class Plan:
    """What an audience sync would do to its target group.

    `writes` are rows in `write_schema`, `removals` in `STORED_SCHEMA`, `set_aside` in `SET_ASIDE_SCHEMA`.
    `members_before` and the fingerprint sums are those of the stored rows that the merge read.
    """

    fields: tuple[Field, ...]
    closing: Closing
    counts: Counts
    writes: Spool
    removals: Spool
    set_aside: Spool
    members_before: int
    crm_sum: int
    stored_sum: int
    stored_sum_without_removals: int

    def close(self) -> None:
        for spool in (self.writes, self.removals, self.set_aside):
            spool.close()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the guard says of a plan's removals. `reason` is empty where they may be made."""

    held: int
    reason: str


@dataclass(frozen=True, slots=True)
class Guard:
    """The limits of B3. `share` is of the members before the sync; `floor` is a number of people.

    Whatever the limits: no sync leaves a target group without anyone unasked, so an empty source never removes.
    """

    share: Fraction = REMOVED_SHARE
    floor: int = REMOVED_FLOOR

    def judge(self, plan: Plan, approved: bool = False) -> Verdict:
        """Hold all removals or none. Only removals are ever held: opt-outs, additions and updates apply."""
        removed, before = plan.counts.removed, plan.members_before
        if not removed or approved:
            return Verdict(0, "")
        if before + plan.counts.added <= removed:
            return Verdict(removed, _nobody_left(plan))
        if self.is_mass(removed, before):
            return Verdict(
                removed,
                f"The sync would remove {removed:,} of {before:,} members ({removed / before:.0%}); "
                f"the limit is {float(self.share):.0%}.",
            )
        return Verdict(0, "")

    def alarm(self, opted_out: int, members: int) -> str:
        """A sentence where a sync that left so many members applied a mass of opt-outs by the CRM's flag, else empty.

        Opt-outs are never held.
        """
        if not self.is_mass(opted_out, members):
            return ""
        return (
            f"The CRM's flag unsubscribed {opted_out:,} of {members:,} members ({opted_out / members:.0%}) in one "
            "sync. They get no mail. If that is a mistake, allow e-mail again in the CRM and sync: it lifts them all."
        )

    def is_mass(self, people: int, members: int) -> bool:
        """Whether so many of so many members are more than the limits let pass unasked."""
        return people >= self.floor and people > self.share * members

    def most(self, members: int) -> int:
        """How many of so many members may leave in one sync unasked."""
        return max(0, min(max(self.floor - 1, int(self.share * members)), members - 1))


def _nobody_left(plan: Plan) -> str:
    listed = plan.counts.received if plan.closing.list_members is None else plan.closing.list_members
    if not listed:
        return f"The CRM sent an empty list; the target group has {plan.members_before:,} members."
    return f"None of the target group's {plan.members_before:,} members is in the CRM's list any more."
