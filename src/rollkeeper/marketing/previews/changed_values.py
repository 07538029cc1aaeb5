"""The values that a sync would change, old and new, with the names that people know them by (B4)."""

from __future__ import annotations

import json
from dataclasses import dataclass

from rollkeeper.marketing.sync_runs.old_values import old_values


@dataclass(frozen=True, slots=True)
class ChangedValue:
    """One value. None: there is none."""

    label: str
    old: str | None
    new: str | None


def changed_values(changes: str | None, labels: dict[str, str]) -> list[ChangedValue]:
    """`sync_preview_row.changes` for people, in the order of a run's old values."""
    pairs: dict[str, list[object]] = json.loads(changes) if changes else {}
    old = old_values({name: pair[0] for name, pair in pairs.items()}, labels)
    new = old_values({name: pair[1] for name, pair in pairs.items()}, labels)
    return [ChangedValue(was.label, was.value, now.value) for was, now in zip(old, new, strict=True)]
