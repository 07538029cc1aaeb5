"""The sample association's marketing lists: a few large ones, many small ones, as in life."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice, product

from rollkeeper.crm.lists.models import Frequency
from rollkeeper.crm.sample import association

Condition = dict[str, object]
NUMBERS = {"small": 20, "middle": 200, "large": 200}  # lists a size
LEADERS = ["Principal", "Director of Engineering"]
REQUESTED = (Frequency.DAILY, Frequency.WEEKLY, Frequency.DAILY, Frequency.MONTHLY, Frequency.WEEKLY)


@dataclass(frozen=True, slots=True)
class SampleList:
    """One list: a rule or a query."""

    code: str
    name: str
    frequency: Frequency
    rule: Condition | None = None
    sql: str | None = None


def sample_lists(size: str, today: date) -> list[SampleList]:
    """The lists of that size: those every association has, then one a chapter, level and interest area."""
    found = [*_general(today), *_cut(today)]
    return list(islice(found, NUMBERS[size]))


def _general(today: date) -> Iterator[SampleList]:
    """The lists that an association begins with, the largest first."""
    member = _members(today)
    given, level, expires = "gift.total", "membership.level_code", "membership.expires_on"
    conference = association.events(today)[2]
    lists: tuple[tuple[str, str, Frequency, list[Condition]], ...] = (
        ("ALL", "All active constituents", Frequency.DAILY, []),
        ("MEMBERS", "Members in good standing", Frequency.DAILY, member),
        ("NEWSLETTER", "Members and donors", Frequency.WEEKLY, [_any(*member, _over(given, 0))]),
        ("LAPSED", "Lapsed members", Frequency.WEEKLY, [_before(expires, today)]),
        ("RENEWALS", "Memberships that end within 60 days", Frequency.DAILY, [_within(expires, today, 60)]),
        ("STUDENTS", "Student members", Frequency.WEEKLY, [*member, _is(level, "STU")]),
        ("FELLOWS", "Fellows", Frequency.MONTHLY, [*member, _is(level, "FEL")]),
        ("DONORS", "Everyone who ever gave", Frequency.WEEKLY, [_over(given, 0)]),
        ("MAJOR_DONORS", "Gave a thousand or more", Frequency.MONTHLY, [_over(given, 999)]),
        ("REGULARS", "Three events or more", Frequency.WEEKLY, [_over("event.count", 2)]),
        ("CONFERENCE", conference.name, Frequency.HOURLY, [_is("event.code", conference.code)]),
        ("INSPECTORS", "Bridge inspection", Frequency.WEEKLY, [_is("interest", "INSPECTION")]),
        ("ABROAD", "Members abroad", Frequency.MONTHLY, [*member, _is("chapter", association.INTERNATIONAL)]),
        ("COMPANIES", "Corporate members", Frequency.MONTHLY, [_is("record_type", "C")]),
        ("BOARD", "Directors and principals", Frequency.NONE, [_in("job_title", LEADERS)]),
        ("CA_MEMBERS", "California chapter", Frequency.ALWAYS, [*member, _is("chapter", "CA")]),
    )  # fmt: skip
    for code, name, frequency, conditions in lists:
        yield SampleList(code, name, frequency, rule=_all(_ACTIVE, *conditions))
    yield SampleList("PE_BY_SQL", "Licensed engineers", Frequency.WEEKLY, sql=_LICENSED)


def _cut(today: date) -> Iterator[SampleList]:
    """One list a chapter; then a chapter and level; then a chapter and interest; then all three."""
    for number, (chapter, level, area) in enumerate(_combinations()):
        conditions = [_ACTIVE, *_members(today), _is("chapter", chapter)]
        code, name = [chapter], [f"Chapter {chapter}"]
        if level is not None:
            conditions.append(_is("membership.level_code", level.code))
            code.append(level.code)
            name.append(level.name)
        if area is not None:
            conditions.append(_is("interest", area))
            code.append(area)
            name.append(area.capitalize())
        frequency = REQUESTED[number % len(REQUESTED)]
        yield SampleList(f"CH_{'_'.join(code)}", ", ".join(name), frequency, rule=_all(*conditions))


def _combinations() -> Iterator[tuple[str, association.Level | None, str | None]]:
    """Chapters (the largest first), each alone, with a level, with an interest area, with both."""
    chapters = [*dict.fromkeys(city[1] for city in sorted(association.CITIES, key=lambda city: -city[3]))]
    areas = [area for area, _ in association.INTERESTS]
    yield from ((chapter, None, None) for chapter in chapters)
    yield from ((chapter, level, None) for level, chapter in product(association.LEVELS, chapters))
    yield from ((chapter, None, area) for area, chapter in product(areas, chapters))
    for level, area, chapter in product(association.LEVELS, areas, chapters):
        yield chapter, level, area


_LICENSED = """
SELECT master_customer_id, sub_customer_id FROM constituents
WHERE credentials LIKE '%PE%' AND status = 'ACTIVE'
"""


_ACTIVE: Condition = {"field": "status", "operator": "=", "value": "ACTIVE"}


def _members(today: date) -> list[Condition]:
    return [_compare("membership.expires_on", ">=", today.isoformat())]


def _all(*rules: Condition) -> Condition:
    return {"combinator": "and", "not": False, "rules": list(rules)}


def _any(*rules: Condition) -> Condition:
    return {"combinator": "or", "not": False, "rules": list(rules)}


def _compare(field: str, operator: str, value: object) -> Condition:
    return {"field": field, "operator": operator, "value": value}


def _is(field: str, value: str) -> Condition:
    return _compare(field, "=", value)


def _in(field: str, values: list[str]) -> Condition:
    return _compare(field, "in", values)


def _over(field: str, value: int) -> Condition:
    return _compare(field, ">", value)


def _before(field: str, day: date) -> Condition:
    return _compare(field, "<", day.isoformat())


def _within(field: str, today: date, days: int) -> Condition:
    return _compare(field, "between", [today.isoformat(), (today + timedelta(days=days)).isoformat()])
