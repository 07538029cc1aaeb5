"""How long the runs of a set-up code usually take, from those that ended last."""

from __future__ import annotations

from datetime import timedelta
from statistics import median

from django.db import connection

LOOKED_AT = 10  # the newest completed runs of a set-up code


def usual_durations() -> dict[str, timedelta]:
    """Set-up code → the median of its last completed runs; none for a code that never ran to its end.

    Runs that did only failed lists again say nothing about a whole run.
    """
    with connection.cursor() as cursor:
        cursor.execute(LAST_DURATIONS, [LOOKED_AT])
        found: dict[str, list[float]] = {}
        for code, duration in cursor.fetchall():
            found.setdefault(code, []).append(duration.total_seconds())
    return {code: timedelta(seconds=median(seconds)) for code, seconds in found.items()}


LAST_DURATIONS = """
SELECT s.code, last.duration
FROM setup_code s
CROSS JOIN LATERAL (
    SELECT r.finished_at - r.started_at AS duration
    FROM job_run r
    WHERE r.setup_code_id = s.code AND r.state IN ('completed', 'failed') AND r.again_of_id IS NULL
      AND r.started_at IS NOT NULL AND r.finished_at IS NOT NULL
    ORDER BY r.id DESC LIMIT %s
) AS last
"""
