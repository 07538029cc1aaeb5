"""Subscribers: the people the marketing site knows, keyed by bridge and customer id, never by address (B14)."""

from __future__ import annotations

from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Collate, Lower

from rollkeeper.marketing.bridges.models import SLOTS, Bridge
from rollkeeper.postgres.collation import CODE_POINT_ORDER
from rollkeeper.sync.permission import Status


class Subscriber(models.Model):
    """One subscriber.

    A sync writes what the CRM knows (`email` … `denied_by`, the slots, the hash) and nothing else. What the
    person did (`unsubscribed_at` …) is in columns of its own, which no sync writes: an opt-out cannot be
    lost (S30). `status` is computed by the database from both, by the same rule as `sync/permission.py`.
    """

    id = models.BigAutoField(primary_key=True)
    bridge = models.ForeignKey(Bridge, models.DO_NOTHING, db_constraint=False, db_index=False)
    master_customer_id = models.TextField(db_collation=CODE_POINT_ORDER)
    sub_customer_id = models.TextField(db_collation=CODE_POINT_ORDER)
    email = models.TextField(null=True)
    first_name = models.TextField(null=True)
    last_name = models.TextField(null=True)
    allow_email = models.BooleanField(help_text="The CRM's effective permission (S4).")
    denied_by = models.TextField(null=True, help_text="Which of the CRM's flags deny it, comma-separated.")
    address_valid = models.BooleanField(help_text="The address is there and well-formed.")
    unsubscribed_at = models.DateTimeField(null=True)
    bounced_at = models.DateTimeField(null=True)
    complained_at = models.DateTimeField(null=True)
    suppressed_at = models.DateTimeField(null=True)
    hash_hi = models.BigIntegerField(help_text="First half of the row hash, signed.")
    hash_lo = models.BigIntegerField(help_text="Second half of the row hash, signed.")
    revision = models.BigIntegerField(help_text="The bridge's revision that last wrote this row's data.")
    first_run = models.BigIntegerField(help_text="The sync run that brought it.")
    last_run = models.BigIntegerField(help_text="The sync run that last changed it.")
    status = models.GeneratedField(
        expression=Case(
            When(suppressed_at__isnull=False, then=Value(Status.SUPPRESSED.value)),
            When(complained_at__isnull=False, then=Value(Status.COMPLAINED.value)),
            When(unsubscribed_at__isnull=False, then=Value(Status.UNSUBSCRIBED.value)),
            When(bounced_at__isnull=False, then=Value(Status.BOUNCED.value)),
            When(allow_email=False, then=Value(Status.UNSUBSCRIBED_REMOTE.value)),
            When(Q(email__isnull=True) | Q(email=""), then=Value(Status.NO_ADDRESS.value)),
            When(address_valid=False, then=Value(Status.INVALID_ADDRESS.value)),
            default=Value(Status.SUBSCRIBED.value),
        ),
        output_field=models.TextField(),
        db_persist=True,
    )
    address_key = models.GeneratedField(
        expression=Lower(Collate(F("email"), CODE_POINT_ORDER)),
        output_field=models.TextField(null=True, db_collation=CODE_POINT_ORDER),
        db_persist=True,
    )

    class Meta:
        db_table = "subscriber"
        constraints = [
            models.UniqueConstraint(
                fields=["bridge", "master_customer_id", "sub_customer_id"], name="subscriber_customer_id"
            )
        ]
        indexes = [
            models.Index(fields=["bridge", "address_key"], name="subscriber_address"),
            models.Index(
                F("bridge"), Collate(Lower("last_name"), CODE_POINT_ORDER), F("id"), name="subscriber_last_name"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first_name or ''} {self.last_name or ''} ({self.customer_id})".strip()

    @property
    def customer_id(self) -> str:
        return f"{self.master_customer_id}-{self.sub_customer_id}"


for _slot in range(1, SLOTS + 1):
    Subscriber.add_to_class(f"f{_slot}", models.TextField(null=True))


class ForgottenValue(models.Model):
    """A personalization value whose slot was given to another field (S25): for questions about the past (B6).

    It is the value up to the bridge's `revision`, under its key in `run_change.before`.
    """

    id = models.BigAutoField(primary_key=True)
    bridge_id = models.BigIntegerField()
    revision = models.BigIntegerField()
    subscriber_id = models.BigIntegerField()
    key = models.TextField()
    value = models.TextField()

    class Meta:
        db_table = "forgotten_value"
        indexes = [models.Index(fields=["bridge_id", "revision"], name="forgotten_value_revision")]
