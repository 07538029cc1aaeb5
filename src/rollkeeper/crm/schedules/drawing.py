"""The week's drawing: where each block of a `WeekPlan` stands, in the units of the drawing's view box.

Days are columns, hours run down. Blocks that would lie on each other stand side by side. A schedule with many runs
a day is a strip at the right of its column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time

from rollkeeper.crm.schedules.week import Day, DayOfSchedule, WeekPlan

HOUR = 30.0
LEFT, TOP = 44.0, 30.0
COLUMN = 150.0
GAP = 3.0
STRIP = 11.0
LOWEST_BLOCK = 17.0  # as high as its label
COLOURS = 6


@dataclass(frozen=True, slots=True)
class Block:
    """A rectangle with its label. `colour`: 1 to `COLOURS`, one a schedule."""

    x: float
    y: float
    width: float
    height: float
    colour: int
    label: str
    title: str
    overlaps: bool


@dataclass(frozen=True, slots=True)
class Column:
    x: float
    label: str
    is_today: bool
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    columns: tuple[Column, ...]
    hours: tuple[tuple[float, str], ...]
    width: float
    height: float
    column_width: float = COLUMN
    top: float = TOP
    left: float = LEFT


@dataclass(slots=True)
class _Placed:
    top: float
    bottom: float
    lane: int
    lanes: int


def draw(week: WeekPlan, colours: dict[int, int], now: datetime) -> Drawing:
    """`colours`: the schedule's key → 1 to `COLOURS`. `now` is on the calendar's wall clock."""
    columns = tuple(
        Column(
            x=LEFT + COLUMN * place,
            label=f"{day.date:%a} {day.date.day} {day.date:%b}",
            is_today=day.date == now.date(),
            blocks=_blocks(day, LEFT + COLUMN * place, colours),
        )
        for place, day in enumerate(week.days)
    )
    hours = tuple((TOP + HOUR * hour, f"{hour:02d}:00") for hour in range(25))
    return Drawing(columns, hours, LEFT + COLUMN * len(columns) + 2, TOP + HOUR * 24 + 10)


def _blocks(day: Day, x: float, colours: dict[int, int]) -> tuple[Block, ...]:
    bands = [each for each in day.schedules if each.is_band]
    strips = tuple(
        _strip(each, x + COLUMN - STRIP * (place + 1), colours) for place, each in enumerate(reversed(bands))
    )
    single = sorted(
        ((run, each) for each in day.schedules if not each.is_band for run in each.runs),
        key=lambda pair: pair[0].start,
    )
    spans = []
    for run, _ in single:
        top = _y(run.start)
        end = run.end if run.end.date() == day.date else datetime.combine(day.date, time.max)
        spans.append((top, max(_y(end), top + LOWEST_BLOCK)))
    room = COLUMN - STRIP * len(bands) - GAP
    blocks = []
    for (run, each), placed in zip(single, _side_by_side(spans), strict=True):
        width = room / placed.lanes
        overlapping = f", overlaps {', '.join(run.overlaps)}" if run.overlaps else ""
        blocks.append(
            Block(
                x=x + GAP / 2 + width * placed.lane,
                y=placed.top,
                width=width - GAP,
                height=placed.bottom - placed.top - 1,
                colour=colours[each.schedule.key],
                label=_label(f"{run.start:%H:%M}", each.schedule.name, width),
                title=f"{each.schedule.name} {run.start:%H:%M} to {run.end:%H:%M:%S}{overlapping}",
                overlaps=bool(run.overlaps),
            )
        )
    return (*blocks, *strips)


def _label(at: str, name: str, width: float) -> str:
    """As much as the block has room for, at about seven units a sign: where it stands tells the time too."""
    room = int((width - 10) / 6.6)
    for words in (f"{at} {name}", name):
        if len(words) <= room:
            return words
    return name[: room - 1] + "…" if room > 2 else ""


def _strip(each: DayOfSchedule, x: float, colours: dict[int, int]) -> Block:
    top, bottom = _y(each.runs[0].start), _y(each.runs[-1].start) + LOWEST_BLOCK
    title = f"{each.schedule.name}: {each.times}"
    return Block(
        x, top, STRIP - 2, bottom - top, colours[each.schedule.key], "", title, overlaps=bool(each.overlaps)
    )


def _y(wall: datetime) -> float:
    return TOP + HOUR * (wall.hour + wall.minute / 60 + wall.second / 3600)


def _side_by_side(spans: Sequence[tuple[float, float]]) -> list[_Placed]:
    """A lane for each span, in order of their tops: those that touch one another share the width."""
    placed: list[_Placed] = []
    cluster: list[_Placed] = []
    lanes: list[float] = []  # where each lane of the cluster is free again
    for top, bottom in spans:
        if cluster and top >= max(lanes):
            cluster, lanes = [], []
        lane = next((place for place, free in enumerate(lanes) if free <= top), len(lanes))
        if lane == len(lanes):
            lanes.append(bottom)
        else:
            lanes[lane] = bottom
        cluster.append(_Placed(top, bottom, lane, len(lanes)))
        placed.append(cluster[-1])
        for each in cluster:
            each.lanes = len(lanes)
    return placed
