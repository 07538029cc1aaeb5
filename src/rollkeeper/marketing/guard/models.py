"""What people decided about the guard: its limits, and the removals that it held (B3). Kept for ever."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.target_groups.models import TargetGroup


class GuardChange(models.Model):
    """A change of the guard's limits: of a bridge (`group` null) or of one target group. Null: the bridge's."""

    id = models.BigAutoField(primary_key=True)
    bridge = models.ForeignKey(Bridge, models.CASCADE, related_name="guard_changes")
    group = models.ForeignKey(TargetGroup, models.CASCADE, null=True, related_name="guard_changes")
    share_before = models.PositiveSmallIntegerField(null=True, help_text="Per cent.")
    floor_before = models.PositiveIntegerField(null=True, help_text="People.")
    share = models.PositiveSmallIntegerField(null=True, help_text="Per cent.")
    floor = models.PositiveIntegerField(null=True, help_text="People.")
    changed_by = models.TextField()
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "guard_change"
        ordering = ["-id"]


class HeldDecision(models.Model):
    """What a person decided about held removals, and of how many people."""

    class Decision(models.TextChoices):
        APPROVED = "approved", "Approved"
        DISCARDED = "discarded", "Discarded"

    id = models.BigAutoField(primary_key=True)
    group = models.ForeignKey(TargetGroup, models.CASCADE, related_name="held_decisions")
    held_by_run = models.BigIntegerField(help_text="The sync run that held the removals.")
    people = models.BigIntegerField()
    decision = models.TextField(choices=Decision.choices)
    approved_by_run = models.BigIntegerField(null=True, help_text="The sync run that was asked for to make them.")
    decided_by = models.TextField()
    decided_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "held_decision"
        ordering = ["-id"]
