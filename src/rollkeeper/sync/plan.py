"""The plan of an audience sync as a value: what would be written, and whether the guard lets it (B3, B4)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import pyarrow as pa

from rollkeeper.sync.connector import Closing, Mode
from rollkeeper.sync.member import Field, fingerprint_text, member_schema
from rollkeeper.sync.spool import Spool

REMOVED_SHARE = Fraction(15, 100)  # B3: the default share of removals that a sync may make unasked
REMOVED_FLOOR = 10  # B3: fewer removals than this are never held


def write_schema(fields: tuple[Field, ...]) -> pa.Schema:
    """A row to write: the member, whether its address is well-formed, its subscriber (null: not a member yet)."""
    extra = [pa.field("address_valid", pa.bool_()), pa.field("subscriber_id", pa.int64())]
    return pa.schema([*member_schema(fields), *extra])


NOTICE_SCHEMA = pa.schema(
    [("master_customer_id", pa.string()), ("sub_customer_id", pa.string()), ("reason", pa.string())]
)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a target group as a whole: its members, and the sum of their row hashes."""

    members: int
    fingerprint: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What a plan does. received = added + updated + unchanged + set_aside, by construction (B7).

    Where only changes travel, rows that say that someone is no member any more (`notices`) are received too.
    """

    received: int
    added: int
    updated: int
    unchanged: int
    set_aside: int
    removed: int
    notices: int = 0

    def __post_init__(self) -> None:
        if self.received != self.added + self.updated + self.unchanged + self.set_aside + self.notices:
            raise AssertionError(f"The counts of a plan do not add up: {self}")


@dataclass(frozen=True, slots=True)
class Plan:
    """What an audience sync would do to its target group.

    `writes` are rows in `write_schema`, `removals` in `STORED_SCHEMA`, `set_aside` in `SET_ASIDE_SCHEMA`,
    `notices` in `NOTICE_SCHEMA`. `before` is the group as it is; of a full pull it is summed from the rows that
    the merge read, else from what is kept. `expected` is what the CRM's whole list is, if every row that the plan
    leaves alone is right: the group after all removals, with the rows set aside as the CRM has them.
    """

    fields: tuple[Field, ...]
    mode: Mode
    closing: Closing
    counts: Counts
    writes: Spool
    removals: Spool
    set_aside: Spool
    notices: Spool
    before: Kept
    expected: Kept
    crm_sum: int
    stored_sum: int
    stored_sum_without_removals: int

    @property
    def members_before(self) -> int:
        return self.before.members

    def removed_by(self, verdict: Verdict) -> int:
        """How many the plan removes where the guard judges so."""
        return 0 if verdict.held else self.counts.removed

    def members_after(self, verdict: Verdict) -> int:
        return self.members_before + self.counts.added - self.removed_by(verdict)

    @property
    def writes_nothing(self) -> bool:
        """Nobody comes, changes or leaves."""
        return not self.writes.rows and not self.removals.rows

    @property
    def crm_fingerprint(self) -> str:
        """The CRM's own fingerprint of the whole list; empty where it travelled in part and the CRM keeps none."""
        if self.mode is Mode.FULL:
            return self.closing.fingerprint or fingerprint_text(self.crm_sum)
        return self.closing.list_fingerprint or ""

    @property
    def list_members(self) -> int | None:
        """How many members the CRM's list has; None where it did not say."""
        if self.closing.list_members is not None:
            return self.closing.list_members
        return self.counts.received if self.mode is Mode.FULL else None

    def defect(self) -> str:
        """Where what the CRM keeps of its list is not what is expected: a sentence (B1).

        Empty: proved, or the CRM keeps nothing to prove it by.
        """
        members, fingerprint = self.closing.list_members, self.closing.list_fingerprint
        expected = fingerprint_text(self.expected.fingerprint)
        if members is not None and members != self.expected.members:
            return f"The CRM counts {members:,} members; by what it sent there are {self.expected.members:,}."
        if fingerprint is not None and fingerprint != expected:
            return f"The CRM's list has the fingerprint {fingerprint}; by what it sent it would be {expected}."
        return ""

    def close(self) -> None:
        for spool in (self.writes, self.removals, self.set_aside, self.notices):
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

    def judge(self, plan: Plan, approved: bool = False, seen: int | None = None) -> Verdict:
        """Hold all removals or none. Only removals are ever held: opt-outs, additions and updates apply.

        `approved`: a person asked for the removals, however many they are, or (`seen`) about as many as that
        person saw: more than the limits let pass beside those are held again.
        """
        removed, before = plan.counts.removed, plan.members_before
        if not removed or (approved and (seen is None or removed <= seen)):
            return Verdict(0, "")
        if before + plan.counts.added <= removed:
            return Verdict(removed, _nobody_left(plan))
        asked = seen if approved and seen is not None else 0
        if not self.is_mass(removed - asked, before):
            return Verdict(0, "")
        amount = f"would remove {removed:,} of {before:,} members ({removed / before:.0%})"
        if asked:
            return Verdict(removed, f"By now the sync {amount}; {asked:,} removals were approved.")
        most = self.most(before)
        limit = f"up to {most:,} may leave at once" if most else "nobody may leave unasked"
        return Verdict(removed, f"The sync {amount}; {limit}.")

    def alarm(self, opted_out: int, members: int) -> str:
        """A sentence where a sync that left so many members applied a mass of opt-outs by the CRM's flag.

        Empty where they were no mass. Opt-outs are never held.
        """
        if not self.is_mass(opted_out, members):
            return ""
        return (
            f"The CRM's flag unsubscribed {opted_out:,} of {members:,} members ({opted_out / members:.0%}) in one "
            "sync. They get no mail. If that is wrong, allow e-mail again in the CRM and sync: it lifts them all."
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
