"""A defect that the proof found, in words for a person: what differed, what was done, what to do next (B1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from rollkeeper.sync.connector import RangeSum
from rollkeeper.sync.member import FINGERPRINT_MODULUS
from rollkeeper.sync.plan import Kept, Plan


@dataclass(frozen=True, slots=True)
class Excess:
    """By how much what a CRM keeps of its list is more than its own rows: members, and fingerprint modulo 2^128.

    It stays the same while the list changes, so that a CRM which is known to contradict itself by so much can
    still be compared with.
    """

    members: int
    fingerprint: int

    @classmethod
    def between(cls, kept: RangeSum | Kept, rows: RangeSum | Kept) -> Self:
        return cls(kept.members - rows.members, (kept.fingerprint - rows.fingerprint) % FINGERPRINT_MODULUS)

    @classmethod
    def read(cls, text: str) -> Self:
        """From how it is stored; empty: nothing."""
        members, _, fingerprint = text.partition(":")
        return cls(int(members), int(fingerprint, 16)) if text else cls(0, 0)

    def __str__(self) -> str:
        return f"{self.members}:{self.fingerprint:032x}" if self else ""

    def __bool__(self) -> bool:
        return (self.members, self.fingerprint) != (0, 0)


NO_EXCESS = Excess(0, 0)


def excess_of(made: Plan) -> Excess:
    """By how much what the CRM keeps of its list is beside what it must be by the plan; where it keeps nothing, by
    nothing."""
    members, fingerprint = made.closing.list_members, made.closing.list_fingerprint
    kept = Kept(
        made.expected.members if members is None else members,
        made.expected.fingerprint if fingerprint is None else int(fingerprint, 16),
    )
    return Excess.between(kept, made.expected)


@dataclass(frozen=True, slots=True)
class Defect:
    """What was found beside the changes that the CRM told.

    `missing` rows the CRM had and we had not, `surplus` the CRM had not and we had, `other` had other data;
    `unsorted` were one of these. `ours_moved`: our rows no longer added up to what was kept of them. `excess`: the
    CRM's do not either, and did not before where that `is_known`. `removals_held`: by the guard.
    """

    missing: int = 0
    surplus: int = 0
    other: int = 0
    unsorted: int = 0
    ours_moved: bool = False
    excess: Excess = NO_EXCESS
    is_known: bool = False
    removals_held: bool = False

    @property
    def rows(self) -> int:
        """How many rows were not as the CRM has them though nothing said so."""
        return self.missing + self.surplus + self.other + self.unsorted

    def __str__(self) -> str:
        """One paragraph; empty where nothing was found."""
        return " ".join(filter(None, [self._rows_words(), self._ours_words(), self._crm_words()]))

    def _rows_words(self) -> str:
        if not self.rows:
            return ""
        kinds = (
            (self.missing, "missing here"),
            (self.surplus, "not in the CRM's list"),
            (self.other, "with other data"),
        )
        what = ", ".join(f"{count:,} {kind}" for count, kind in kinds if count)
        one = self.rows == 1
        found = "1 row was not as the CRM has it" if one else f"{self.rows:,} rows were not as the CRM has them"
        done = "this run repaired the data and holds the removals" if self._holds else "this run repaired that"
        words = f"{found}{f' ({what})' if what else ''}, though nothing said so; {done}."
        if self.ours_moved:
            return words
        return (
            f"{words} What was kept of the rows here was right, so the CRM had left them out of its changes: "
            "report it to whoever runs the CRM."
        )

    @property
    def _holds(self) -> bool:
        return self.removals_held and bool(self.surplus or self.unsorted)

    def _ours_words(self) -> str:
        if not self.ours_moved:
            return ""
        return (
            "The rows here no longer added up to what was kept of them, so something other than a sync wrote to "
            "this site's database (a statement by hand, a restored copy): find out what it was."
        )

    def _crm_words(self) -> str:
        if not self.excess:
            return ""
        members = f" It counts {self.excess.members:+,} members beside its rows." if self.excess.members else ""
        if self.is_known:
            return (
                "The CRM still contradicts itself by as much as before: what it keeps of the list is not what its "
                f"rows add up to.{members} No row differs for that reason."
            )
        return (
            "The CRM contradicts itself: what it keeps of the list (count, fingerprint) is not what its own rows "
            f"add up to.{members} No row differs for that reason and nothing is wrong here: have whoever runs the "
            "CRM compute it anew. Until then syncs allow for this difference."
        )


NO_DEFECT = Defect()
