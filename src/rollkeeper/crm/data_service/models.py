"""Tokens that let another system read the CRM's data service."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class ApiToken(models.Model):
    """A token for the data service. Only its SHA-256 is kept; the token itself is shown once."""

    id = models.BigAutoField(primary_key=True)
    name = models.TextField(unique=True)
    digest = models.BinaryField(unique=True, help_text="SHA-256 of the token")
    created_at = models.DateTimeField(db_default=Now())
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "api_token"
