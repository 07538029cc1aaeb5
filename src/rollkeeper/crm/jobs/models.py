"""MKT510 and MKT600 with their set-up codes, and what each run did (S10–S13)."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from rollkeeper.crm.lists.models import Frequency, MarketingList


class Job(models.TextChoices):
    MKT510 = "MKT510", "MKT510 – create a list (ad hoc)"
    MKT600 = "MKT600", "MKT600 – regenerate lists (scheduled)"


class SetupCode(models.Model):
    """The parameters under which MKT600 runs: one regeneration frequency, one set-up code (S12)."""

    code = models.TextField(primary_key=True)
    description = models.TextField(default="", blank=True)
    frequency = models.TextField(choices=Frequency.choices)

    class Meta:
        db_table = "setup_code"
        ordering = ["code"]

    def __str__(self) -> str:
        return self.code


class JobRun(models.Model):
    """One run of a job, from its request to its end."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        COMPLETED = "completed", "Completed"
        FAILED = "failed", "Failed"

    id = models.BigAutoField(primary_key=True)
    job = models.TextField(choices=Job.choices)
    setup_code = models.ForeignKey(SetupCode, models.PROTECT, null=True, blank=True)
    list_code = models.TextField(default="", blank=True, help_text="The List Code parameter, if given.")
    state = models.TextField(choices=State.choices, default=State.WAITING)
    requested_by = models.TextField()
    requested_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    message = models.TextField(default="", blank=True)

    class Meta:
        db_table = "job_run"
        ordering = ["-id"]


class JobListResult(models.Model):
    """What a job run did to one list."""

    class Outcome(models.TextChoices):
        REGENERATED = "regenerated", "Regenerated"
        SKIPPED = "skipped", "Skipped"
        FAILED = "failed", "Failed"

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(JobRun, models.CASCADE, related_name="results")
    list = models.ForeignKey(MarketingList, models.CASCADE, related_name="job_results")
    outcome = models.TextField(choices=Outcome.choices)
    reason = models.TextField(default="", blank=True)
    members = models.PositiveIntegerField(null=True)
    added = models.PositiveIntegerField(null=True)
    removed = models.PositiveIntegerField(null=True)
    seconds = models.FloatField(null=True)

    class Meta:
        db_table = "job_list_result"
        constraints = [models.UniqueConstraint(fields=["run", "list"], name="job_list_result_once")]
