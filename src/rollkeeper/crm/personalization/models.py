"""The personalization view: which facts of a constituent travel to the marketing site, under which names.

A field's values live in a slot of the `profile` table (column f1 … f100), so adding or removing a field
changes no table. See `docs/decisions/006-slots.md`.
"""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now

SLOTS = 100  # as many fields as the view can hold at once; the columns f1 … f100 of `profile`


class FieldType(models.TextChoices):
    """The type of a field's values. They travel as canonical text (`docs/reference/canonical-form.md`)."""

    TEXT = "text", "Text"
    INTEGER = "integer", "Integer"
    DECIMAL = "decimal", "Decimal"
    DATE = "date", "Date"
    BOOLEAN = "boolean", "Yes/No"


class PersonalizationField(models.Model):
    """One field of the personalization view. `source` names where its value comes from (`sources.py`)."""

    id = models.BigAutoField(primary_key=True)
    name = models.TextField(unique=True)
    label = models.TextField()
    type = models.TextField(choices=FieldType.choices, default=FieldType.TEXT)
    source = models.TextField(help_text="such as constituent.city, membership.level_name, attribute:colour")
    position = models.PositiveIntegerField()
    slot = models.PositiveSmallIntegerField(
        unique=True, validators=[MinValueValidator(1), MaxValueValidator(SLOTS)]
    )

    class Meta:
        db_table = "personalization_field"
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.name


class WithdrawnField(models.Model):
    """A field that a person took out of the view: an import that brings its column does not put it back."""

    name = models.TextField(primary_key=True)
    withdrawn_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "withdrawn_field"
