"""Sync runs: what was asked for, why, what came of it, row by row where it matters."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.sync_runs.outcome import Outcome
from rollkeeper.marketing.target_groups.models import TargetGroup
from rollkeeper.postgres.collation import CODE_POINT_ORDER
from rollkeeper.sync.events import Event, Kind


class SyncRun(Outcome):
    """One run of a catalog sync (no group) or of an audience sync of one target group (S16, S17)."""

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        COMPLETED = "completed", "Completed"
        HELD = "held", "Completed, removals held"
        FAILED = "failed", "Failed"
        SKIPPED = "skipped", "Skipped"

    id = models.BigAutoField(primary_key=True)
    bridge = models.ForeignKey(Bridge, models.CASCADE, related_name="runs")
    group = models.ForeignKey(TargetGroup, models.CASCADE, null=True, related_name="runs")
    kind = models.TextField(choices=[(kind.value, kind.label) for kind in Kind])
    event = models.TextField(choices=[(event.value, event.label) for event in Event])
    status = models.TextField(choices=Status.choices, default=Status.WAITING)
    approve_held = models.BooleanField(default=False, help_text="Asked to make the removals that a guard held.")
    approved_removals = models.BigIntegerField(
        null=True, help_text="How many removals the person who approved saw; null: however many there are."
    )
    force_full = models.BooleanField(
        db_default=False, help_text="Asked to pull the whole list, whatever change token there is."
    )
    requested_by = models.TextField()
    requested_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    attempt = models.PositiveIntegerField(default=0, help_text="Grows with every start; fences a late writer.")
    phase = models.TextField(default="", help_text="What it is doing now, for the page.")
    rows_received = models.BigIntegerField(default=0)
    heartbeat_at = models.DateTimeField(null=True)
    cancel_requested = models.BooleanField(default=False)
    message = models.TextField(default="", help_text="Why it failed or was held, and what to do.")
    error_kind = models.TextField(default="", help_text="source, busy, internal …")

    all_added = models.BooleanField(default=False, help_text="The group was empty: each member came by this run.")
    stored_fingerprint = models.TextField(default="")
    revision = models.BigIntegerField(
        null=True, help_text="The bridge's revision that this run made or met: runs in the order they were applied."
    )
    field_names = models.JSONField(
        null=True, help_text="The personalization fields under which it was applied, in the view's order."
    )

    preview = models.ForeignKey(
        "previews.Preview",
        models.SET_NULL,
        null=True,
        related_name="runs",
        help_text="It may write what that preview showed, and nothing else (B4).",
    )
    alarm = models.TextField(
        default="", db_default="", help_text="A mass of opt-outs that it applied, in a sentence (B3)."
    )
    alarm_seen_by = models.TextField(
        default="", db_default="", help_text="Who marked the alarm as seen; empty: nobody yet."
    )
    alarm_seen_at = models.DateTimeField(null=True)
    repaired = models.BigIntegerField(
        db_default=0, help_text="Rows that were not as the CRM has them though nothing said so, and now are (B1)."
    )
    defect = models.TextField(db_default="", help_text="What the proof found wrong, for a person (B1).")

    class Meta:
        db_table = "sync_run"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["group", "-id"], name="sync_run_group"),
            models.Index(fields=["event", "-id"], name="sync_run_event"),
            models.Index(fields=["status", "-id"], name="sync_run_status"),
            models.Index(fields=["bridge", "revision"], name="sync_run_revision"),
            models.Index(
                fields=["group", "-id"],
                condition=models.Q(alarm_seen_by="") & ~models.Q(alarm=""),
                name="sync_run_alarm",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["bridge", "group", "kind"],
                condition=models.Q(status="waiting", preview__isnull=True),
                nulls_distinct=False,
                name="sync_run_one_waiting",
            )
        ]

    @property
    def identical(self) -> bool:
        """The CRM's fingerprint and ours were equal when the run ended (B1)."""
        return bool(self.crm_fingerprint) and self.crm_fingerprint == self.stored_fingerprint

    @property
    def changes_dropped(self) -> bool:
        """What it changed was dropped by age (`old_history.py`); its counts stay."""
        dropped = self.revision is not None and self.revision <= self.bridge.history_revision
        return dropped and self.added + self.updated + self.removed > 0


class RunChange(models.Model):
    """What a run changed for one member. A run that found its group empty writes none: `all_added` says it."""

    class Change(models.TextChoices):
        ADDED = "added", "Added"
        UPDATED = "updated", "Updated"
        REMOVED = "removed", "Removed"

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(SyncRun, models.CASCADE, related_name="changes", db_constraint=False, db_index=False)
    group_id = models.BigIntegerField()
    subscriber_id = models.BigIntegerField()
    master_customer_id = models.TextField(db_collation=CODE_POINT_ORDER)
    sub_customer_id = models.TextField(db_collation=CODE_POINT_ORDER)
    change = models.TextField(choices=Change.choices)
    status_before = models.TextField(null=True, help_text="Null: there was no such subscriber.")
    status_after = models.TextField()
    before = models.JSONField(null=True, help_text="Old values of the columns that changed.")

    class Meta:
        db_table = "run_change"
        # In this order its page reads them: all of a run, or one kind. It serves as the foreign key's index too.
        indexes = [
            models.Index(fields=["run", "change", "id"], name="run_change_page"),
            models.Index(fields=["subscriber_id", "id"], name="run_change_subscriber"),
        ]


class SetAsideRow(models.Model):
    """A row that a run could not take, with the reason (B7). It is looked at again at every sync."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(SyncRun, models.CASCADE, related_name="set_aside_rows")
    group = models.ForeignKey(TargetGroup, models.CASCADE)
    master_customer_id = models.TextField(null=True)
    sub_customer_id = models.TextField(null=True)
    kind = models.TextField(help_text="invalid (our check) or rejected (the other side's answer)")
    reason = models.TextField(help_text="A reason code of `sync/set_aside.py`.")
    detail = models.TextField(default="")
    row = models.JSONField(help_text="The row as it came.")
    since_run = models.BigIntegerField(
        null=True,
        help_text="Since which run this customer id is set aside for this reason without a break.",
    )

    class Meta:
        db_table = "set_aside_row"
        indexes = [models.Index(fields=["run", "reason", "id"], name="set_aside_row_page")]


class HeldRemoval(models.Model):
    """A removal that the guard holds until a person approves or discards it, or a later run makes it moot (B3)."""

    id = models.BigAutoField(primary_key=True)
    group = models.ForeignKey(TargetGroup, models.CASCADE, related_name="held_removals")
    run = models.ForeignKey(SyncRun, models.CASCADE)
    subscriber_id = models.BigIntegerField()
    master_customer_id = models.TextField(db_collation=CODE_POINT_ORDER)
    sub_customer_id = models.TextField(db_collation=CODE_POINT_ORDER)
    reason = models.TextField(
        default="left", db_default="left", help_text="A word of `sync/member.py`'s REMOVED: left, deleted."
    )

    class Meta:
        db_table = "held_removal"
        constraints = [
            models.UniqueConstraint(
                fields=["group", "master_customer_id", "sub_customer_id"], name="held_removal_once"
            )
        ]
