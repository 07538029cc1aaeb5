"""How long ago something was, or how long it took, in the fewest words that a person needs."""

from __future__ import annotations

from datetime import datetime

MINUTE, HOUR, DAY = 60, 3600, 86_400
STEPS = ((2 * MINUTE, 1, "s"), (2 * HOUR, MINUTE, "min"), (2 * DAY, HOUR, "h"), (60 * DAY, DAY, "days"))


def age_in_words(when: datetime, now: datetime) -> str:
    """`just now`, `14 min ago`, `3 h ago`, `12 days ago`, `in 2 h`. Rounded down; beyond sixty days in months."""
    seconds = int((now - when).total_seconds())
    length = abs(seconds)
    if length < MINUTE and seconds >= 0:
        return "just now"
    words = next((f"{length // unit} {name}" for limit, unit, name in STEPS if length < limit), "")
    words = words or f"{length // (30 * DAY)} months"
    return f"{words} ago" if seconds >= 0 else f"in {words}"


def duration_in_words(seconds: float) -> str:
    """`3.2 s`, `4.5 min`."""
    return f"{seconds:.1f} s" if seconds < 2 * MINUTE else f"{seconds / MINUTE:.1f} min"
