"""What the sample's constituents did: terms of membership, event registrations, gifts, interests.

Each function gives the rows of one table for a chunk of constituents. Dates are seen from `today`.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rollkeeper.crm.sample import association
from rollkeeper.crm.sample.draws import chosen, taken

EVER_MEMBER = 0.86
CURRENT = 0.72  # of those who ever were members
EARLIER_TERM = 0.45  # have the term before the last one, too
TERM = 365
REGISTRATIONS = 0.9  # a constituent, on average
DONORS = 0.18
EPOCH = date(1970, 1, 1)

Ids = npt.NDArray[np.int64]


def memberships(random: np.random.Generator, ids: Ids, company: npt.NDArray[np.bool_], today: date) -> pa.Table:
    """The last term of everyone who ever was a member, and for some the one before it."""
    keep = random.random(len(ids)) < EVER_MEMBER
    ids, company = ids[keep], company[keep]
    count = len(ids)
    levels = [*association.LEVELS, association.CORPORATE]
    shares = [level.share for level in association.LEVELS]
    level = np.where(company, len(levels) - 1, chosen(random, count, shares))
    is_current = random.random(count) < CURRENT
    # The last term ends within a year from today, or did within the three years before.
    ends = _day(today) + np.where(is_current, random.integers(0, TERM, count), -random.integers(1, 3 * TERM, count))
    begins = ends - TERM + 1
    years = np.array([level.years for level in levels])[level]
    years_before = (years[:, 0] + random.beta(1.1, 3.0, count) * (years[:, 1] - years[:, 0] + 1)).astype(np.int64)
    joined = begins - years_before * TERM
    auto_renew = random.random(count) < np.array([level.auto_renew for level in levels])[level]
    status = np.where(is_current, 0, 1)
    earlier = (random.random(count) < EARLIER_TERM) & (years_before > 0)
    last = _terms(ids, level, status, joined, begins, ends, auto_renew)
    before = _terms(
        ids[earlier], level[earlier], np.full(int(earlier.sum()), 2), joined[earlier],
        begins[earlier] - TERM, ends[earlier] - TERM, auto_renew[earlier],
    )  # fmt: skip
    return pa.concat_tables([before, last])


def _terms(
    ids: Ids, level: Ids, status: Ids, joined: Ids, begins: Ids, ends: Ids, auto_renew: npt.NDArray[np.bool_]
) -> pa.Table:
    levels = [*association.LEVELS, association.CORPORATE]
    return pa.table(
        {
            "constituent_id": pa.array(ids),
            "level_code": taken([level.code for level in levels], level),
            "level_name": taken([level.name for level in levels], level),
            "status": taken(["ACTIVE", "LAPSED", "RENEWED"], status),
            "joined_on": _dates(joined),
            "begins_on": _dates(begins),
            "expires_on": _dates(ends),
            "auto_renew": pa.array(auto_renew),
        }
    )


def registrations(random: np.random.Generator, ids: Ids, today: date) -> pa.Table:
    """Some register for many events, most for none: a geometric number each."""
    many = random.geometric(1 / (1 + REGISTRATIONS), len(ids)) - 1
    owners = np.repeat(ids, many)
    held = association.events(today)
    event = chosen(random, len(owners), [event.share for event in held])
    held_on = np.array([_day(event.on) for event in held])[event]
    registered = np.minimum(held_on - random.integers(1, 60, len(owners)), _day(today))
    outcome = np.where(held_on > _day(today), 0, np.where(random.random(len(owners)) < 0.9, 1, 2))
    return pa.table(
        {
            "constituent_id": pa.array(owners),
            "event_code": taken([event.code for event in held], event),
            "event_name": taken([event.name for event in held], event),
            "event_on": _dates(held_on),
            "registered_on": _dates(registered),
            "status": taken(["REGISTERED", "ATTENDED", "CANCELLED"], outcome),
        }
    )


def gifts(random: np.random.Generator, ids: Ids, today: date) -> pa.Table:
    """Amounts are log-normal, rounded to five, with cents here and there."""
    donors = ids[random.random(len(ids)) < DONORS]
    owners = np.repeat(donors, random.geometric(0.45, len(donors)))
    whole = np.maximum(np.round(random.lognormal(3.9, 1.1, len(owners)) / 5) * 5, 5).astype(np.int64)
    cents = np.where(random.random(len(owners)) < 0.08, random.integers(1, 100, len(owners)), 0)
    amount = pc.binary_join_element_wise(
        pa.array(whole).cast(pa.string()), pc.utf8_lpad(pa.array(cents).cast(pa.string()), 2, "0"), "."
    )
    fund = chosen(random, len(owners), [share for _, share in association.FUNDS])
    return pa.table(
        {
            "constituent_id": pa.array(owners),
            "fund_code": taken([code for code, _ in association.FUNDS], fund),
            "amount": amount,
            "given_on": _dates(_day(today) - random.integers(1, 6 * 365, len(owners))),
        }
    )


def interests(random: np.random.Generator, ids: Ids) -> pa.Table:
    """Each area is chosen or not, on its own."""
    shares = np.array([share for _, share in association.INTERESTS])
    owner, area = np.nonzero(random.random((len(ids), len(shares))) < shares)
    return pa.table(
        {
            "constituent_id": pa.array(ids[owner]),
            "area_code": taken([code for code, _ in association.INTERESTS], area),
        }
    )


def _day(day: date) -> int:
    return (day - EPOCH).days


def _dates(days: npt.NDArray[np.int64]) -> pa.Date32Array:
    return pa.array(days.astype(np.int32)).cast(pa.date32())
