"""The state of a target group in two words, and what a person does about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from rollkeeper.marketing.target_groups.models import TargetGroup


@dataclass(frozen=True, slots=True)
class Look:
    """A state's words and tone."""

    words: str
    tone: str


class State(Enum):
    """The one state that a list of groups shows: the first of these that holds."""

    MISSING = Look("Missing at source", "bad")
    HELD = Look("Removals held", "warn")
    NOT_BUILT = Look("Not built in the CRM", "quiet")
    NOT_SYNCED = Look("Not synced yet", "quiet")
    NEWER_LIST = Look("CRM has a newer list", "info")
    NOT_IDENTICAL = Look("Not identical to the CRM", "warn")
    IDENTICAL = Look("Identical to the CRM", "good")


def state_of(group: TargetGroup) -> State:
    """What a person must know first (S15, S29, B1, B3). `NEWER_LIST` is a matter of course, not a fault."""
    if group.missing_at_source:
        return State.MISSING
    if group.count_held:
        return State.HELD
    if group.synced_at is None:
        return State.NOT_SYNCED if group.list_regenerated_at else State.NOT_BUILT
    if _crm_list_is_newer(group):
        return State.NEWER_LIST
    return State.IDENTICAL if group.fingerprint == group.crm_fingerprint else State.NOT_IDENTICAL


def _crm_list_is_newer(group: TargetGroup) -> bool:
    if group.list_regenerated_at is None or group.synced_list_as_of is None:
        return False
    return group.list_regenerated_at > group.synced_list_as_of
