"""Whether the facts kept of a list are those of its rows, and their repair (B1)."""

from __future__ import annotations

from dataclasses import dataclass

from rollkeeper.crm.changes.present import ListNotBuilt, NoSuchList
from rollkeeper.crm.changes.state import ListState, kept_and_computed, rebuild_state
from rollkeeper.crm.lists.models import MarketingList
from rollkeeper.crm.personalization.profile import mark_members_dirty, refresh_profiles


@dataclass(frozen=True, slots=True)
class Verification:
    """The facts of one list as they were kept and as its rows give them, at one instant.

    With a repair: `rebuilt_rows` profiles of members were not what their constituents give, `repaired` says whether
    anything was put right.
    """

    code: str
    version: int
    kept: ListState | None
    computed: ListState
    rebuilt_rows: int = 0
    repaired: bool = False

    @property
    def is_identical(self) -> bool:
        return self.kept == self.computed

    def document(self) -> dict[str, object]:
        """What was found, for JSON."""
        return {
            "list": self.code,
            "version": str(self.version),
            "kept": _facts(self.kept),
            "computed": _facts(self.computed),
            "identical": self.is_identical,
            "rebuilt_rows": self.rebuilt_rows,
            "repaired": self.repaired,
        }


def _facts(state: ListState | None) -> dict[str, object] | None:
    return None if state is None else {"members": state.members, "fingerprint": state.fingerprint_text}


def verify(code: str, *, repair: bool = False) -> Verification:
    """Compute a list's facts from the hashes of all its rows and compare them with those kept.

    With `repair` the facts are kept as computed, and before that every member's row is built anew: one that
    changed without anyone's noticing is written, and travels with the next changes.
    Raises `NoSuchList`, `ListNotBuilt`.
    """
    refresh_profiles()
    found = MarketingList.objects.filter(code=code).first() if "\0" not in code else None
    if found is None:
        raise NoSuchList(f"There is no list {code}.")
    if found.last_regenerated_at is None:
        raise ListNotBuilt(f"MKT510 has not built list {code}.")
    kept, computed = kept_and_computed(found.pk)
    if not repair:
        return Verification(code, found.version, kept, computed)
    mark_members_dirty(found.pk)
    rebuilt = refresh_profiles()
    facts_differed = rebuild_state(found.pk)
    return Verification(code, found.version, kept, computed, rebuilt, facts_differed or rebuilt > 0)


def built_codes() -> list[str]:
    """The lists that have members to verify, by code."""
    return list(MarketingList.objects.filter(last_regenerated_at__isnull=False).values_list("code", flat=True))
