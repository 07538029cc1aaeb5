"""Bridges: each joins the marketing site to one CRM, and holds that CRM's catalog of fields."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

SLOTS = 100  # columns f1 … f100 of `subscriber`


class Bridge(models.Model):
    """A connection to a CRM through one connector.

    `revision` grows with every transaction that writes subscribers of this bridge; a sync that planned
    against an older revision plans again (`sync_runs/perform.py`).
    """

    id = models.BigAutoField(primary_key=True)
    name = models.TextField(unique=True)
    connector = models.TextField(help_text="The key of the connector: the name of its file.")
    url = models.TextField()
    account = models.TextField(default="rollkeeper")
    secret = models.BinaryField(default=bytes, help_text="The CRM's token, encrypted at rest.")
    is_enabled = models.BooleanField(default=True)
    revision = models.BigIntegerField(default=0)
    history_revision = models.BigIntegerField(
        default=0,
        help_text="What changed after this revision is kept; of what came before some was dropped by age.",
    )
    catalog_synced_at = models.DateTimeField(null=True, help_text="The last successful catalog sync (S18).")
    created_at = models.DateTimeField(db_default=Now())
    removal_share = models.PositiveSmallIntegerField(
        default=15, db_default=15, help_text="The guard's share, in per cent of a group's members (B3)."
    )
    removal_floor = models.PositiveIntegerField(
        default=10, db_default=10, help_text="The guard's floor: fewer removals than this are never held (B3)."
    )

    class Meta:
        db_table = "bridge"
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name


class PersonalizationField(models.Model):
    """A field of the CRM's personalization view, as the last catalog sync found it (S25)."""

    id = models.BigAutoField(primary_key=True)
    bridge = models.ForeignKey(Bridge, models.CASCADE, related_name="fields")
    name = models.TextField()
    label = models.TextField()
    type = models.TextField()
    position = models.PositiveIntegerField()
    slot = models.PositiveSmallIntegerField(help_text="Where in `subscriber` its values are: column f<slot>.")
    default = models.TextField(default="", blank=True, help_text="Personalization default.")
    comment = models.TextField(default="", blank=True)

    class Meta:
        db_table = "bridge_field"
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["bridge", "name"], name="bridge_field_name"),
            models.UniqueConstraint(fields=["bridge", "slot"], name="bridge_field_slot"),
        ]

    def __str__(self) -> str:
        return self.name


class WithdrawnField(models.Model):
    """A field that is not in the view any more; its slot keeps the values that its name had.

    A row's hash is that of the view with which it came. When the view is that one again the row counts as
    unchanged, so its values must still be there.
    """

    id = models.BigAutoField(primary_key=True)
    bridge = models.ForeignKey(Bridge, models.CASCADE, related_name="withdrawn_fields")
    name = models.TextField()
    slot = models.PositiveSmallIntegerField()
    withdrawn_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "bridge_withdrawn_field"
        ordering = ["withdrawn_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["bridge", "name"], name="withdrawn_field_name"),
            models.UniqueConstraint(fields=["bridge", "slot"], name="withdrawn_field_slot"),
        ]
