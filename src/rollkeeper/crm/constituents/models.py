"""Constituents: people and companies the association knows, and what it knows of them.

Record shape after Personify360 (`docs/reference/constituents.md`). Ids are strings, kept as they are, and
compare by code point; text columns hold no control characters (the import sees to it), so that the row's
canonical form needs no escapes.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.functions import Collate, Now

from rollkeeper.postgres.collation import CODE_POINT_ORDER

# What `constituent_word` holds the words of (migration 0004).
SEARCHED_COLUMNS = ("label_name", "first_name", "middle_name", "last_name", "nickname", "organization")


def folded(column: str) -> Any:
    """A column as searches look at it: case folded, in code-point order (`search.py` has the same in SQL)."""
    return Collate(
        models.Func(models.F(column), function="fold_case", output_field=models.TextField()), CODE_POINT_ORDER
    )


class Constituent(models.Model):
    """One customer record, keyed by master and sub customer id.

    `allow_email` and `allow_solicitation` are the stored inputs of S4; the effective permission is computed
    by the database view `constituent_permission`, never stored here.
    """

    id = models.BigAutoField(primary_key=True)
    master_customer_id = models.TextField(db_collation=CODE_POINT_ORDER)
    sub_customer_id = models.TextField(db_collation=CODE_POINT_ORDER, default="0")
    record_type = models.TextField(default="I", help_text="I person, C company")
    customer_class = models.TextField(default="INDIV")
    status = models.TextField(default="ACTIVE")
    label_name = models.TextField(default="", blank=True)
    name_prefix = models.TextField(default="", blank=True)
    first_name = models.TextField(default="", blank=True)
    middle_name = models.TextField(default="", blank=True)
    last_name = models.TextField(default="", blank=True)
    name_suffix = models.TextField(default="", blank=True)
    credentials = models.TextField(default="", blank=True)
    nickname = models.TextField(default="", blank=True)
    formal_salutation = models.TextField(default="", blank=True)
    informal_salutation = models.TextField(default="", blank=True)
    organization = models.TextField(default="", blank=True)
    job_title = models.TextField(default="", blank=True)
    city = models.TextField(default="", blank=True)
    state = models.TextField(default="", blank=True)
    postal_code = models.TextField(default="", blank=True)
    country = models.TextField(default="", blank=True)
    chapter = models.TextField(default="", blank=True)
    allow_email = models.BooleanField(default=True)
    allow_solicitation = models.BooleanField(default=True)
    allow_phone = models.BooleanField(default=True)
    allow_fax = models.BooleanField(default=True)
    allow_internal_mail = models.BooleanField(default=True)
    allow_label_sales = models.BooleanField(default=True)
    allow_advocacy = models.BooleanField(default=True)
    allow_system_notification = models.BooleanField(default=True)
    do_not_call = models.BooleanField(default=False)
    publish_primary_email = models.BooleanField(default=False)
    attributes = models.JSONField(default=dict, help_text="Further columns that an import brought: name → text.")
    version = models.PositiveIntegerField(default=1, help_text="Grows with every change: optimistic locking.")
    created_at = models.DateTimeField(db_default=Now())
    modified_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "constituent"
        constraints = [
            models.UniqueConstraint(
                fields=["master_customer_id", "sub_customer_id"],
                name="constituent_customer_id",
                include=["id"],
            )
        ]

    def __str__(self) -> str:
        return f"{self.label_name or self.last_name} ({self.customer_id})"

    @property
    def customer_id(self) -> str:
        return f"{self.master_customer_id}-{self.sub_customer_id}"


class ConstituentWord(models.Model):
    """A word of a constituent's names or organisation, as searches compare it. Triggers keep it (0004)."""

    pk = models.CompositePrimaryKey("constituent_id", "word")
    constituent = models.ForeignKey(
        Constituent, models.DO_NOTHING, related_name="words", db_constraint=False, db_index=False
    )
    word = models.TextField(db_collation=CODE_POINT_ORDER)

    class Meta:
        db_table = "constituent_word"
        indexes = [models.Index(fields=["word", "constituent"], name="constituent_word_word")]


class EmailAddress(models.Model):
    """One e-mail address of a constituent. The primary one decides permission (S6)."""

    id = models.BigAutoField(primary_key=True)
    constituent = models.ForeignKey(Constituent, models.CASCADE, related_name="email_addresses")
    location_code = models.TextField(default="WORK")
    address = models.TextField()
    is_primary = models.BooleanField(default=True)
    is_active = models.BooleanField(default=True)
    do_not_solicit = models.BooleanField(default=False)

    class Meta:
        db_table = "email_address"
        constraints = [
            models.UniqueConstraint(
                fields=["constituent"], condition=models.Q(is_primary=True), name="email_address_one_primary"
            )
        ]
        indexes = [models.Index(folded("address"), "id", name="email_address_address")]

    def __str__(self) -> str:
        return self.address


class Membership(models.Model):
    """A term of membership. The current one is the term that expires last among those begun."""

    id = models.BigAutoField(primary_key=True)
    constituent = models.ForeignKey(Constituent, models.CASCADE, related_name="memberships")
    level_code = models.TextField()
    level_name = models.TextField()
    status = models.TextField(default="ACTIVE")
    joined_on = models.DateField()
    begins_on = models.DateField()
    expires_on = models.DateField()
    auto_renew = models.BooleanField(default=False)

    class Meta:
        db_table = "membership"


class EventRegistration(models.Model):
    """A registration for an event (conference, webinar, course)."""

    id = models.BigAutoField(primary_key=True)
    constituent = models.ForeignKey(Constituent, models.CASCADE, related_name="event_registrations")
    event_code = models.TextField()
    event_name = models.TextField()
    event_on = models.DateField()
    registered_on = models.DateField()
    status = models.TextField(default="REGISTERED")

    class Meta:
        db_table = "event_registration"


class Gift(models.Model):
    """A donation. `amount` is in the association's currency."""

    id = models.BigAutoField(primary_key=True)
    constituent = models.ForeignKey(Constituent, models.CASCADE, related_name="gifts")
    fund_code = models.TextField()
    amount = models.DecimalField(max_digits=12, decimal_places=2)
    given_on = models.DateField()

    class Meta:
        db_table = "gift"


class Interest(models.Model):
    """An interest area that the constituent chose."""

    id = models.BigAutoField(primary_key=True)
    constituent = models.ForeignKey(Constituent, models.CASCADE, related_name="interests")
    area_code = models.TextField()

    class Meta:
        db_table = "interest"
        constraints = [models.UniqueConstraint(fields=["constituent", "area_code"], name="interest_once")]


class PermissionChange(models.Model):
    """One change of an e-mail permission: who, when, from where, old and new (S8). Never changed, never deleted."""

    id = models.BigAutoField(primary_key=True)
    constituent = models.ForeignKey(Constituent, models.CASCADE, related_name="permission_changes")
    address = models.TextField(blank=True, default="", help_text="The address, where the change was on one.")
    field = models.TextField(help_text="allow_email, allow_solicitation or do_not_solicit")
    old = models.BooleanField(null=True)
    new = models.BooleanField()
    changed_at = models.DateTimeField(db_default=Now())
    changed_by = models.TextField()
    origin = models.TextField(help_text="From where: page, import, command, marketing site.")

    class Meta:
        db_table = "permission_change"
