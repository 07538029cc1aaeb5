"""Target groups: each holds the subscribers of one marketing list of the CRM, and their kept counts."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.postgres.collation import CODE_POINT_ORDER


class TargetGroup(models.Model):
    """The target group of one MKT list (type *Personify360 MKT Lists*, S31).

    The `count_…` columns are the funnel of Count Details (S32), kept up to date by whatever changes a
    member. `fingerprint` is the sum of the members' row hashes modulo 2^128, as 32 hex digits (B1).
    """

    id = models.BigAutoField(primary_key=True)
    bridge = models.ForeignKey(Bridge, models.CASCADE, related_name="target_groups")
    code = models.TextField(db_collation=CODE_POINT_ORDER)
    name = models.TextField()
    frequency = models.TextField(default="NONE", help_text="Regeneration frequency in the CRM (S27).")
    list_members = models.BigIntegerField(default=0, help_text="Members in the CRM at the last catalog sync.")
    list_regenerated_at = models.DateTimeField(null=True)
    missing_at_source = models.BooleanField(default=False, help_text="The list is gone from the CRM (S29).")
    missing_since = models.DateTimeField(
        null=True, help_text="When it was first found gone; null while it is there."
    )
    created_at = models.DateTimeField(db_default=Now())
    definition_changed_at = models.DateTimeField(db_default=Now(), help_text="For S24.")

    synced_at = models.DateTimeField(null=True, help_text="The end of the last sync that was applied.")
    synced_list_as_of = models.DateTimeField(null=True, help_text="As of when the list's members are (S15).")
    verified_at = models.DateTimeField(null=True, help_text="When it was last proved identical to the CRM (B1).")
    fingerprint = models.TextField(default="0" * 32)
    crm_fingerprint = models.TextField(default="", help_text="The CRM's own, at the last sync.")
    change_token = models.TextField(
        db_default="",
        help_text="Names the list's state in the CRM that the group was last made (B2); empty: pull all of it.",
    )
    applied_run = models.BigIntegerField(
        null=True, help_text="The last run that was applied, or met nothing to apply."
    )
    field_set = models.TextField(
        default="", help_text="`field_set_key` of the fields under which its rows were last compared (B1)."
    )
    crm_excess = models.TextField(
        default="",
        help_text="By how much what the CRM keeps of the list is beside its own rows (B1); empty: not at all.",
    )

    count_members = models.BigIntegerField(default=0)
    count_with_address = models.BigIntegerField(default=0)
    count_valid = models.BigIntegerField(default=0)
    count_distinct = models.BigIntegerField(default=0)
    count_allowed = models.BigIntegerField(default=0)
    count_receiving = models.BigIntegerField(default=0)
    count_held = models.BigIntegerField(default=0, help_text="Members whose removal the guard holds (B3).")
    held_since = models.DateTimeField(
        null=True, help_text="Since when the guard holds removals; null: it holds none."
    )
    removal_share = models.PositiveSmallIntegerField(
        null=True, help_text="The guard's share in per cent for this group; null: the bridge's (B3)."
    )
    removal_floor = models.PositiveIntegerField(
        null=True, help_text="The guard's floor for this group; null: the bridge's (B3)."
    )

    class Meta:
        db_table = "target_group"
        ordering = ["code"]
        constraints = [models.UniqueConstraint(fields=["bridge", "code"], name="target_group_code")]

    def __str__(self) -> str:
        return self.code


class GroupMember(models.Model):
    """A subscriber's membership in a target group.

    It repeats the customer id and the row hash of its subscriber, so that a sync reads the stored side in
    order from one table. Whoever writes a subscriber's data writes the hash of all its memberships. The
    foreign keys are kept by the store alone: checking them row by row would double a first sync.
    """

    pk = models.CompositePrimaryKey("group_id", "master_customer_id", "sub_customer_id")
    group = models.ForeignKey(TargetGroup, models.DO_NOTHING, db_constraint=False, db_index=False)
    master_customer_id = models.TextField(db_collation=CODE_POINT_ORDER)
    sub_customer_id = models.TextField(db_collation=CODE_POINT_ORDER)
    subscriber = models.ForeignKey(
        "subscribers.Subscriber", models.DO_NOTHING, db_constraint=False, related_name="memberships"
    )
    hash_hi = models.BigIntegerField()
    hash_lo = models.BigIntegerField()
    since_run = models.BigIntegerField(help_text="The sync run that brought it.")

    class Meta:
        db_table = "group_member"
