"""Previews of audience syncs: what a sync would do, with its people, and on what that stands (B4)."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.sync_runs.outcome import Outcome
from rollkeeper.marketing.target_groups.models import TargetGroup
from rollkeeper.postgres.collation import CODE_POINT_ORDER


class Preview(Outcome):
    """A preview of a sync of one target group.

    The columns of `Outcome` are a run's, as the run would end. Those from `group_fingerprint` on are what it was
    made against: while they are the same, a run writes what the preview shows.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Being made"
        READY = "ready", "Ready"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    id = models.BigAutoField(primary_key=True)
    bridge = models.ForeignKey(Bridge, models.CASCADE, related_name="previews")
    group = models.ForeignKey(TargetGroup, models.CASCADE, related_name="previews")
    status = models.TextField(choices=Status.choices, default=Status.WAITING)
    approve_held = models.BooleanField(default=False, help_text="Of a sync that makes the removals a guard holds.")
    requested_by = models.TextField()
    requested_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    attempt = models.PositiveIntegerField(default=0, help_text="Grows with every start; fences a late writer.")
    phase = models.TextField(default="", help_text="What it is doing now, for the page.")
    rows_received = models.BigIntegerField(default=0)
    cancel_requested = models.BooleanField(default=False)
    message = models.TextField(default="", help_text="Why it failed, or what the guard would hold.")
    error_kind = models.TextField(default="", help_text="source, missing, not_built, internal …")

    stored_fingerprint = models.TextField(default="", help_text="The group's, afterwards.")
    alarm = models.TextField(default="", help_text="A mass of opt-outs that it would apply, in a sentence.")

    group_fingerprint = models.TextField(default="", help_text="The group's, before.")
    fields_key = models.TextField(default="", help_text="`sync/member.py`, field_set_key.")
    removal_share = models.PositiveSmallIntegerField(default=0, help_text="The guard's limits, in per cent …")
    removal_floor = models.PositiveIntegerField(default=0, help_text="… and people.")
    held_before = models.BigIntegerField(default=0, help_text="How many removals the guard held already.")

    class Meta:
        db_table = "sync_preview"
        ordering = ["-id"]
        indexes = [models.Index(fields=["group", "-id"], name="sync_preview_group")]
        constraints = [
            models.UniqueConstraint(
                fields=["group", "approve_held"],
                condition=models.Q(status="waiting"),
                name="sync_preview_one_waiting",
            )
        ]


class PreviewRow(models.Model):
    """What the sync would do with one person or row. Written by COPY; gone with its preview."""

    class Kind(models.TextChoices):
        ADDED = "added", "Added"
        UPDATED = "updated", "Updated"
        REMOVED = "removed", "Removed"
        HELD = "held", "Removal held"
        SET_ASIDE = "set_aside", "Set aside"

    class Flag(models.TextChoices):
        UNSUBSCRIBED = "unsubscribed", "Unsubscribed by the CRM"
        RESUBSCRIBED = "resubscribed", "Resubscribed by the CRM"

    id = models.BigAutoField(primary_key=True)
    preview = models.ForeignKey(Preview, models.CASCADE, related_name="rows", db_constraint=False, db_index=False)
    kind = models.TextField(choices=Kind.choices)
    flag = models.TextField(null=True, choices=Flag.choices, help_text="How the CRM's flag moves the status.")
    subscriber_id = models.BigIntegerField(null=True, help_text="Null: nobody is known by this customer id.")
    master_customer_id = models.TextField(null=True, db_collation=CODE_POINT_ORDER)
    sub_customer_id = models.TextField(null=True, db_collation=CODE_POINT_ORDER)
    first_name = models.TextField(null=True)
    last_name = models.TextField(null=True)
    email = models.TextField(null=True)
    status_before = models.TextField(null=True)
    status_after = models.TextField(null=True)
    changes = models.TextField(null=True, help_text="JSON: name → [old value, new value].")
    reason = models.TextField(
        null=True, help_text="Why it is set aside (`sync/set_aside.py`) or removed (REMOVED)."
    )
    answer = models.TextField(null=True, help_text="What the other side said of a row that it rejected.")
    row = models.TextField(null=True, help_text="A row that is set aside, as it came, as JSON.")

    class Meta:
        db_table = "sync_preview_row"
        indexes = [
            models.Index(fields=["preview", "kind", "id"], name="sync_preview_row_kind"),
            models.Index(
                fields=["preview", "flag", "id"],
                condition=models.Q(flag__isnull=False),
                name="sync_preview_row_flag",
            ),
        ]
