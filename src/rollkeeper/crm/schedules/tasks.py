"""What every worker of the CRM site does every few seconds: look whether a schedule is due."""

from __future__ import annotations

from django.db import connection

from rollkeeper.crm.schedules.due import take_due
from rollkeeper.work import tick


@tick
def take_due_schedules() -> None:
    """Take what is due by the database's clock, which is the same for workers on all machines."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now = cursor.fetchone()[0]
    take_due(now)
