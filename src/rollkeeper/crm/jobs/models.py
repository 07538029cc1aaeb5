"""MKT510 and MKT600 with their set-up codes, and what each run did (S10–S13)."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from rollkeeper.crm.lists.models import Frequency, MarketingList


class Job(models.TextChoices):
    MKT510 = "MKT510", "MKT510 – create a list (ad hoc)"
    MKT600 = "MKT600", "MKT600 – regenerate lists (scheduled)"


class SetupCode(models.Model):
    """The parameters under which a job runs. One set-up code of MKT600 a regeneration frequency (S12)."""

    code = models.TextField(primary_key=True)
    job = models.TextField(choices=Job.choices, default=Job.MKT600)
    description = models.TextField(default="", blank=True)
    frequency = models.TextField(choices=Frequency.choices, default="", blank=True, help_text="Of MKT600.")
    list_code = models.TextField(
        default="", blank=True, help_text="The one list of MKT510; the only list of MKT600, if given."
    )

    class Meta:
        db_table = "setup_code"
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint(
                fields=["frequency"], condition=models.Q(job="MKT600"), name="setup_code_one_a_frequency"
            ),
            models.CheckConstraint(
                condition=models.Q(models.Q(job="MKT600"), ~models.Q(frequency=""))
                | models.Q(models.Q(job="MKT510"), models.Q(frequency=""), ~models.Q(list_code="")),
                name="setup_code_parameters",
            ),
        ]

    def __str__(self) -> str:
        return self.code


class JobRun(models.Model):
    """One run of a job, from its request to its end."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        COMPLETED = "completed", "Completed"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    id = models.BigAutoField(primary_key=True)
    job = models.TextField(choices=Job.choices)
    # Kept by name: a run tells under which set-up code it ran after that code is deleted.
    setup_code = models.ForeignKey(SetupCode, models.DO_NOTHING, null=True, blank=True, db_constraint=False)
    list_code = models.TextField(default="", blank=True, help_text="The List Code parameter, if given.")
    state = models.TextField(choices=State.choices, default=State.WAITING)
    requested_by = models.TextField()
    requested_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    message = models.TextField(default="", blank=True)
    again_of = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, help_text="The run whose failed lists this one does again."
    )
    cancelled_by = models.TextField(default="", blank=True, help_text="Who asked it to stop.")

    class Meta:
        db_table = "job_run"
        ordering = ["-id"]

    @property
    def has_ended(self) -> bool:
        return self.state not in {self.State.WAITING, self.State.RUNNING}


class JobRunLine(models.Model):
    """A line of a run's log: what it did, when."""

    class Tone(models.TextChoices):
        INFO = "info", "Info"
        WARNING = "warning", "Warning"
        ERROR = "error", "Error"

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(JobRun, models.CASCADE, related_name="log", db_index=False)
    at = models.DateTimeField()
    tone = models.TextField(choices=Tone.choices, default=Tone.INFO)
    text = models.TextField()

    class Meta:
        db_table = "job_run_line"
        ordering = ["id"]
        indexes = [models.Index(fields=["run", "id"], name="job_run_line_run")]


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
