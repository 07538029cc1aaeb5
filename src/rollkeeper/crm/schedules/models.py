"""When MKT600 runs by itself, and which runs came of it (S12, S14)."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from rollkeeper.crm.jobs.models import Job, JobRun, SetupCode
from rollkeeper.crm.schedules.pattern import Pattern, read_rule
from rollkeeper.crm.schedules.sentence import sentence, span
from rollkeeper.web.age import age_in_words
from rollkeeper.work.recurrence import MOST_COUNTED, Recurrence

LATE_AFTER = timedelta(minutes=2)  # workers look every few seconds; after this, none was there


class JobSchedule(models.Model):
    """One scheduled MKT600 of a set-up code (S12).

    `rule`: RRULE lines in wall-clock time of `time_zone`. `next_at`: when it is due next; null while it is paused,
    and once its End is past. `version` grows with every change by a person.
    """

    id = models.BigAutoField(primary_key=True)
    job = models.TextField(choices=Job.choices, default=Job.MKT600)
    setup_code = models.OneToOneField(SetupCode, models.PROTECT, related_name="schedule")
    rule = models.TextField()
    time_zone = models.TextField()
    begin = models.DateField()
    end = models.DateField(null=True, blank=True)
    enabled = models.BooleanField(default=True)
    next_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)
    changed_by = models.TextField()
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "job_schedule"
        ordering = ["setup_code_id"]
        indexes = [
            models.Index(fields=["next_at"], condition=models.Q(enabled=True), name="job_schedule_due"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(end__isnull=True) | models.Q(end__gte=models.F("begin")),
                name="job_schedule_end_not_before_begin",
            ),
            models.CheckConstraint(
                condition=models.Q(enabled=True) | models.Q(next_at__isnull=True), name="job_schedule_paused"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.job} {self.setup_code_id}"

    @property
    def recurrence(self) -> Recurrence:
        return Recurrence(self.rule, ZoneInfo(self.time_zone), self.begin, self.end)

    @property
    def pattern(self) -> Pattern:
        return read_rule(self.rule)

    @property
    def sentence(self) -> str:
        return sentence(self.pattern)

    @property
    def span(self) -> str:
        return span(self.begin, self.end)

    @property
    def is_over(self) -> bool:
        """Its End is past."""
        return self.enabled and self.next_at is None


class ScheduledRun(models.Model):
    """A run that a schedule asked for. `due_at` null: a person pressed Run now.

    `passed`: how many more times of the schedule went by before the run began, which are not made up for.
    """

    run = models.OneToOneField(JobRun, models.CASCADE, primary_key=True, related_name="scheduled")
    schedule = models.ForeignKey(JobSchedule, models.SET_NULL, null=True, related_name="runs")
    due_at = models.DateTimeField(null=True)
    taken_at = models.DateTimeField()
    passed = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "scheduled_run"
        ordering = ["-run_id"]
        constraints = [
            models.UniqueConstraint(fields=["schedule", "due_at"], name="scheduled_run_once"),
        ]

    @property
    def is_late(self) -> bool:
        return self.due_at is not None and (self.passed > 0 or self.taken_at - self.due_at > LATE_AFTER)

    @property
    def late_sentence(self) -> str:
        """Such as: Due 24 Nov 2026, 02:00 UTC; nobody was at work then, and it was taken up 3 h later. …"""
        if self.due_at is None:
            return ""
        due = timezone.localtime(self.due_at)
        words = f"Due {due:%-d %b %Y, %H:%M %Z}"
        if self.taken_at - self.due_at > LATE_AFTER:
            later = age_in_words(self.due_at, self.taken_at).removesuffix(" ago")
            words += f"; no worker was there then, and it was taken up {later} later"
        words += "."
        if self.passed:
            number = f"{self.passed:,} or more" if self.passed >= MOST_COUNTED else f"{self.passed:,}"
            times = "time" if self.passed == 1 else "times"
            words += f" {number} more {times} of the schedule went by meanwhile and are not made up for."
        return words
