"""A constituent's version (optimistic locking) and its lines in the change log (B22).

Whoever changes a constituent, or something that belongs to one, locks it, writes, and logs what was written: the
version grows with every line, so that a page that was opened before does not write over it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import F
from django.db.models.functions import Now

from rollkeeper.crm.audit.models import Action, RecordChange
from rollkeeper.crm.audit.record import FieldChange, history, record
from rollkeeper.crm.constituents.models import Constituent

SUBJECT = "constituent"  # in the change log; the key is the constituent's database id


class ChangedMeanwhile(RuntimeError):
    """Someone changed the constituent since it was read: nothing was written."""


def locked(constituent: Constituent, version: int | None = None) -> Constituent:
    """The constituent as it is now, locked until the transaction ends. `version`: the one that the author saw.

    Raises `ChangedMeanwhile`.
    """
    found = Constituent.objects.select_for_update().get(pk=constituent.pk)
    if version is not None and found.version != version:
        raise ChangedMeanwhile(
            f"{found} was changed by someone else while you had it open, so nothing was saved. "
            "Look at it again and make your change once more."
        )
    return found


def log(
    constituent: Constituent,
    changes: Iterable[FieldChange],
    *,
    author: str,
    origin: str,
    action: Action = Action.CHANGED,
    part: str = "",
) -> RecordChange | None:
    """Write a line of the change log and let the version grow; nothing of both where nothing changed."""
    written = list(changes)
    if action == Action.CHANGED and not written:
        return None
    if action != Action.CREATED or part:  # a constituent that was just made is at its first version
        Constituent.objects.filter(pk=constituent.pk).update(version=F("version") + 1, modified_at=Now())
        constituent.refresh_from_db(fields=["version", "modified_at"])
    return record(
        SUBJECT, constituent.pk, author, origin, written, action=action, part=part, version=constituent.version
    )


def changes_since(constituent: Constituent, version: int) -> Sequence[RecordChange]:
    """What the change log says of a constituent since a version, oldest first."""
    return list(history(SUBJECT, constituent.pk).filter(version__gt=version))
