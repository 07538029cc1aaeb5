"""The sample association: as good as real to try Rollkeeper on, and the same every time for one day.

View and lists come first, then constituents, history and profiles in one transaction: a run that was cut short
is simply made again. Drawn and loaded in chunks, so memory does not grow with the size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.crm.lists.definition import save_list
from rollkeeper.crm.personalization.profile import mark_everyone_dirty, refresh_profiles
from rollkeeper.crm.sample import history
from rollkeeper.crm.sample.lists import sample_lists
from rollkeeper.crm.sample.load import bulk_loading, copy_in
from rollkeeper.crm.sample.people import people
from rollkeeper.crm.sample.view import put_sample_view

SIZES = {"small": 5_000, "middle": 50_000, "large": 1_000_000}
CHUNK = 50_000
SEED = 510_600


class SampleRefused(ValueError):
    """The sample cannot be made here; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Generated:
    """What was made."""

    constituents: int
    lists: int


def generate(
    size: str, *, today: date | None = None, seed: int = SEED, say: Callable[[str], None] = lambda _text: None
) -> Generated:
    """Make the sample association of that size: small, middle or large.

    `today` (default: today in the organisation's time zone) is the day from which expiry and event dates are
    seen; size, day and seed settle every value. `say` is told of the progress.
    Raises `SampleRefused` on a CRM that has constituents.
    """
    if size not in SIZES:
        raise SampleRefused(f"There is no sample {size!r}. Sizes are {', '.join(SIZES)}.")
    day = today or timezone.localdate()
    _refuse_if_filled()
    put_sample_view()
    lists = sample_lists(size, day)
    say(f"defining {len(lists)} lists")
    with transaction.atomic():  # before the load: a query is checked on a connection that its locks would hold up
        for found in lists:
            save_list(found.code, found.name, rule=found.rule, sql=found.sql, frequency=found.frequency)
    fill(SIZES[size], day, seed=seed, say=say)
    return Generated(SIZES[size], len(lists))


def fill(total: int, today: date, *, seed: int = SEED, say: Callable[[str], None] = lambda _text: None) -> None:
    """Put that many constituents with their history into an empty CRM and build their profiles, in one transaction.

    Raises `SampleRefused` on a CRM that has constituents.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE constituent IN SHARE ROW EXCLUSIVE MODE")
        _refuse_if_filled()
        with bulk_loading(cursor):
            _load(cursor, total, today, seed, say)
        say("building profiles")
        mark_everyone_dirty()
        refresh_profiles(today)


def _refuse_if_filled() -> None:
    if Constituent.objects.exists():
        raise SampleRefused(
            "This CRM has constituents already, and a sample beside them could not be told from them. "
            "Use an empty ROLLKEEPER_HOME for the sample association."
        )


def _load(cursor: CursorWrapper, total: int, today: date, seed: int, say: Callable[[str], None]) -> None:
    first_id = _reserve_ids(cursor, total)
    for done in range(0, total, CHUNK):
        count = min(CHUNK, total - done)
        random = np.random.default_rng([seed, done])
        drawn = people(random, done + 1, count, first_id + done)
        ids = np.arange(first_id + done, first_id + done + count)
        copy_in(cursor, "constituent", drawn.constituents)
        copy_in(cursor, "email_address", drawn.addresses)
        copy_in(cursor, "membership", history.memberships(random, ids, drawn.company, today))
        copy_in(cursor, "event_registration", history.registrations(random, ids, today))
        copy_in(cursor, "gift", history.gifts(random, ids, today))
        copy_in(cursor, "interest", history.interests(random, ids))
        say(f"{done + count:,} of {total:,} constituents")


def _reserve_ids(cursor: CursorWrapper, count: int) -> int:
    """The first of `count` database ids that no one else will get."""
    sequence = "pg_get_serial_sequence('constituent', 'id')"
    cursor.execute(f"SELECT nextval({sequence})")
    first = int(cursor.fetchone()[0])
    cursor.execute(f"SELECT setval({sequence}, %s)", [first + count - 1])
    return first
