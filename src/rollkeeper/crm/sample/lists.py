"""The sample association's marketing lists: a few large ones, many small ones, as in life."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice, product

from rollkeeper.crm.lists.models import Frequency
from rollkeeper.crm.sample import association

Condition = dict[str, object]
NUMBERS = {"small": 20, "middle": 200, "large": 2_000}  # lists a size
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
    active = _is("status", "ACTIVE")
    member = _members(today)
    yield SampleList("ALL", "All active constituents", Frequency.DAILY, rule=_all(active))
    yield SampleList("MEMBERS", "Members in good standing", Frequency.DAILY, rule=_all(active, *member))
    yield SampleList(
        "NEWSLETTER",
        "Members and donors",
        Frequency.WEEKLY,
        rule=_all(active, _any(_all(*member), _over("gift.total", 0))),
    )
    yield SampleList(
        "LAPSED", "Lapsed members", Frequency.WEEKLY, rule=_all(active, _before("membership.expires_on", today))
    )
    yield SampleList(
        "RENEWALS",
        "Memberships that end within 60 days",
        Frequency.DAILY,
        rule=_all(active, _within("membership.expires_on", today, 60)),
    )
    yield SampleList(
        "STUDENTS",
        "Student members",
        Frequency.WEEKLY,
        rule=_all(active, *member, _is("membership.level_code", "STU")),
    )
    yield SampleList(
        "FELLOWS", "Fellows", Frequency.MONTHLY, rule=_all(active, *member, _is("membership.level_code", "FEL"))
    )
    yield SampleList(
        "DONORS", "Everyone who ever gave", Frequency.WEEKLY, rule=_all(active, _over("gift.total", 0))
    )
    yield SampleList(
        "MAJOR_DONORS", "Gave a thousand or more", Frequency.MONTHLY, rule=_all(active, _over("gift.total", 999))
    )
    yield SampleList(
        "REGULARS", "Three events or more", Frequency.WEEKLY, rule=_all(active, _over("event.count", 2))
    )
    conference = association.events(today)[2]
    yield SampleList(
        "CONFERENCE", conference.name, Frequency.HOURLY, rule=_all(active, _is("event.code", conference.code))
    )
    yield SampleList(
        "INSPECTORS", "Bridge inspection", Frequency.WEEKLY, rule=_all(active, _is("interest", "INSPECTION"))
    )
    yield SampleList(
        "ABROAD",
        "Members abroad",
        Frequency.MONTHLY,
        rule=_all(active, *member, _is("chapter", association.INTERNATIONAL)),
    )
    yield SampleList(
        "COMPANIES", "Corporate members", Frequency.MONTHLY, rule=_all(active, _is("record_type", "C"))
    )
    yield SampleList(
        "BOARD",
        "Directors and principals",
        Frequency.NONE,
        rule=_all(active, _in("job_title", ["Principal", "Director of Engineering"])),
    )
    yield SampleList(
        "CA_MEMBERS", "California chapter", Frequency.ALWAYS, rule=_all(active, *member, _is("chapter", "CA"))
    )


def _cut(today: date) -> Iterator[SampleList]:
    """One list a chapter; then a chapter and level; then a chapter and interest; then all three."""
    chapters = [*dict.fromkeys(city[1] for city in sorted(association.CITIES, key=lambda city: -city[3]))]
    levels = [(level.code, level.name) for level in association.LEVELS]
    areas = [code for code, _ in association.INTERESTS]
    yield SampleList("PE_BY_SQL", "Licensed engineers", Frequency.WEEKLY, sql=_LICENSED)
    combinations: Iterator[tuple[str, tuple[str, str] | None, str | None]] = (
        *((chapter, None, None) for chapter in chapters),
        *((chapter, level, None) for level, chapter in product(levels, chapters)),
        *((chapter, None, area) for area, chapter in product(areas, chapters)),
        *((chapter, level, area) for level, area, chapter in product(levels, areas, chapters)),
    ).__iter__()
    for number, (chapter, level, area) in enumerate(combinations):
        conditions = [_is("status", "ACTIVE"), *_members(today), _is("chapter", chapter)]
        code, name = [chapter], [f"Chapter {chapter}"]
        if level is not None:
            conditions.append(_is("membership.level_code", level[0]))
            code.append(level[0])
            name.append(level[1])
        if area is not None:
            conditions.append(_is("interest", area))
            code.append(area)
            name.append(area.capitalize())
        frequency = REQUESTED[number % len(REQUESTED)]
        yield SampleList(f"CH_{'_'.join(code)}", ", ".join(name), frequency, rule=_all(*conditions))


_LICENSED = """
SELECT master_customer_id, sub_customer_id FROM constituents
WHERE credentials LIKE '%PE%' AND status = 'ACTIVE'
"""


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
