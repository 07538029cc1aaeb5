"""Marketing lists, their definitions, versions and members.

A list's members are a snapshot (S15): they change only when a job regenerates the list. Each member carries
the version in which it came and the one in which it went, so that any version can be read back.
"""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.postgres.collation import CODE_POINT_ORDER


class Frequency(models.TextChoices):
    """How often MKT600 regenerates a list (S12). ALWAYS lists are in every run; NONE lists in none."""

    HOURLY = "HOURLY", "Hourly"
    DAILY = "DAILY", "Daily"
    WEEKLY = "WEEKLY", "Weekly"
    MONTHLY = "MONTHLY", "Monthly"
    ALWAYS = "ALWAYS", "Always"
    NONE = "NONE", "None"


class DefinitionKind(models.TextChoices):
    RULE = "rule", "Rule"
    SQL = "sql", "SQL"
    IDS = "ids", "Imported ids"
    MERGE = "merge", "Merge of lists"


class MarketingList(models.Model):
    """A Marketing and Communication list. `version` 0 means that MKT510 has not built it yet (S11)."""

    id = models.BigAutoField(primary_key=True)
    code = models.TextField(unique=True, db_collation=CODE_POINT_ORDER)
    name = models.TextField()
    description = models.TextField(default="", blank=True)
    kind = models.TextField(choices=DefinitionKind.choices)
    rule = models.JSONField(null=True, blank=True, help_text="react-querybuilder's shape")
    sql = models.TextField(default="", blank=True)
    frequency = models.TextField(choices=Frequency.choices, default=Frequency.NONE)
    may_be_empty = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=0)
    member_count = models.PositiveIntegerField(default=0)
    last_regenerated_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    modified_at = models.DateTimeField(db_default=Now(), help_text="When the definition changed.")

    class Meta:
        db_table = "marketing_list"
        ordering = ["code"]

    def __str__(self) -> str:
        return self.code


class ImportedId(models.Model):
    """One customer id of a list made from ids, whether or not such a constituent exists (yet)."""

    id = models.BigAutoField(primary_key=True)
    list = models.ForeignKey(MarketingList, models.CASCADE, related_name="imported_ids", db_constraint=False)
    master_customer_id = models.TextField(db_collation=CODE_POINT_ORDER)
    sub_customer_id = models.TextField(db_collation=CODE_POINT_ORDER)

    class Meta:
        db_table = "list_imported_id"
        constraints = [
            models.UniqueConstraint(
                fields=["list", "master_customer_id", "sub_customer_id"], name="list_imported_id_once"
            )
        ]


class ListPart(models.Model):
    """A list that another one is made of, a merge: its members go in, or are kept out (`lists/parts.py`)."""

    class Role(models.TextChoices):
        COMBINED = "combined", "Goes in"
        EXCLUDED = "excluded", "Kept out"

    id = models.BigAutoField(primary_key=True)
    list = models.ForeignKey(MarketingList, models.CASCADE, related_name="parts", db_index=False)
    part = models.ForeignKey(MarketingList, models.PROTECT, related_name="part_of")
    role = models.TextField(choices=Role.choices)

    class Meta:
        db_table = "list_part"
        constraints = [models.UniqueConstraint(fields=["list", "part"], name="list_part_once")]


class ManualMember(models.Model):
    """Someone whom a person put into a list, or kept out of it, whatever its definition says (B16).

    It goes with the list and with the constituent (migration 0007).
    """

    id = models.BigAutoField(primary_key=True)
    list = models.ForeignKey(
        MarketingList, models.DO_NOTHING, related_name="manual_members", db_constraint=False, db_index=False
    )
    constituent = models.ForeignKey(Constituent, models.DO_NOTHING, related_name="+", db_constraint=False)
    is_in = models.BooleanField(help_text="True: always in. False: never in.")
    reason = models.TextField()
    author = models.TextField()
    decided_at = models.DateTimeField()

    class Meta:
        db_table = "list_manual_member"
        constraints = [models.UniqueConstraint(fields=["list", "constituent"], name="list_manual_member_once")]


class ListVersion(models.Model):
    """What one regeneration did to a list."""

    id = models.BigAutoField(primary_key=True)
    list = models.ForeignKey(MarketingList, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    regenerated_at = models.DateTimeField()
    member_count = models.PositiveIntegerField()
    added = models.PositiveIntegerField()
    removed = models.PositiveIntegerField()

    class Meta:
        db_table = "list_version"
        constraints = [models.UniqueConstraint(fields=["list", "number"], name="list_version_number")]


class ListMember(models.Model):
    """A constituent's stay in a list: from version `came` until before version `went` (null: still there).

    Without foreign keys in the database, which would check and lock a constituent for each member; triggers
    remove the members of what is deleted (migration 0004) and note who was lost (migration 0006).
    """

    id = models.BigAutoField(primary_key=True)
    list = models.ForeignKey(
        MarketingList, models.DO_NOTHING, related_name="members", db_constraint=False, db_index=False
    )
    constituent = models.ForeignKey(
        Constituent, models.DO_NOTHING, related_name="list_memberships", db_constraint=False
    )
    came = models.PositiveIntegerField()
    went = models.PositiveIntegerField(null=True)

    class Meta:
        db_table = "list_member"
        constraints = [
            models.UniqueConstraint(
                fields=["list", "constituent"],
                condition=models.Q(went__isnull=True),
                name="list_member_current",
            )
        ]
        indexes = [  # what a version changed is found by it; a first build, which is most of the rows, has no entry
            models.Index(fields=["list", "went"], condition=models.Q(went__isnull=False), name="list_member_gone"),
            models.Index(fields=["list", "came"], condition=models.Q(came__gt=1), name="list_member_later"),
        ]
