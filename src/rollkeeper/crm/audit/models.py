"""The change log of the CRM's records: what changed, from what to what, by whom, when, from where (B22).

It says nothing of how a record looks now, and nothing ever changes or deletes a line of it. The table is
partitioned by year (migration 0001), so that an association may take years off that it need no longer keep.
"""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from rollkeeper.postgres.collation import CODE_POINT_ORDER


class Action(models.TextChoices):
    """What was done to the part."""

    CREATED = "created", "Created"
    CHANGED = "changed", "Changed"
    REMOVED = "removed", "Removed"


class RecordChange(models.Model):
    """One change of one record, or of a part of it. Written through `audit/record.py` alone."""

    id = models.BigAutoField(primary_key=True)
    subject_kind = models.TextField(db_collation=CODE_POINT_ORDER, help_text="constituent, marketing_list, …")
    subject_key = models.TextField(
        db_collation=CODE_POINT_ORDER, help_text="What names the record within its kind."
    )
    part = models.TextField(default="", help_text="Which part of it, in words: a gift, an address. Empty: itself.")
    action = models.TextField(choices=Action.choices, default=Action.CHANGED)
    changes = models.JSONField(default=list, help_text="[field, old, new] each; null where there is none.")
    version = models.PositiveIntegerField(
        null=True, help_text="The record's version after the change, if it has one."
    )
    author = models.TextField()
    origin = models.TextField(help_text="From where: page, import, command, marketing site.")
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "record_change"
        indexes = [
            models.Index(fields=["subject_kind", "subject_key", "id"], name="record_change_subject"),
            models.Index(fields=["author", "id"], name="record_change_author"),
        ]

    def __str__(self) -> str:
        return f"{self.subject_kind} {self.subject_key}: {self.action}"
