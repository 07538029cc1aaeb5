"""The columns of what comes of an audience sync: of a run that was applied, and of a preview of one (B4, B7).

`record.outcome` gives their values.
"""

from __future__ import annotations

from django.db import models


class Outcome(models.Model):
    """The result of a run or preview; counts as in `sync/plan.py`."""

    mode = models.TextField(default="", help_text="full, delta or unchanged")
    received = models.BigIntegerField(default=0)
    added = models.BigIntegerField(default=0)
    updated = models.BigIntegerField(default=0)
    unchanged = models.BigIntegerField(default=0)
    unsubscribed = models.BigIntegerField(default=0)
    resubscribed = models.BigIntegerField(default=0)
    removed = models.BigIntegerField(default=0)
    set_aside = models.BigIntegerField(default=0)
    held = models.BigIntegerField(default=0)
    members = models.BigIntegerField(default=0, help_text="Members of the group afterwards.")
    crm_fingerprint = models.TextField(default="")
    list_as_of = models.DateTimeField(null=True)
    list_version = models.TextField(default="")

    class Meta:
        abstract = True
