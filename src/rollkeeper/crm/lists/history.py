"""The chart of a list's history: its size as a line, and who came and went as bars, version by version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rollkeeper.crm.lists.models import ListVersion

MOST_VERSIONS = 60  # of the chart; the table beside has all
WIDTH, SIZE_HEIGHT, CHANGE_HEIGHT, GAP = 720, 130, 60, 14  # units of the drawing


@dataclass(frozen=True, slots=True)
class Bar:
    """Those who came (up) and went (down) with a version, in units of the drawing."""

    x: float
    width: float
    added_y: float
    added_height: float
    removed_height: float
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing of the latest versions, oldest first. `line` and `area` are points as SVG writes them."""

    line: str
    area: str
    dots: tuple[tuple[float, float], ...]
    bars: tuple[Bar, ...]
    largest: int
    most_changed: int
    first: ListVersion
    last: ListVersion
    middle: float
    width: int = WIDTH
    height: int = SIZE_HEIGHT + GAP + CHANGE_HEIGHT
    floor: int = SIZE_HEIGHT


def chart(newest_first: Sequence[ListVersion]) -> Chart | None:
    """The drawing of up to `MOST_VERSIONS` versions; None for fewer than two, of which there is nothing to draw."""
    versions = list(reversed(newest_first[:MOST_VERSIONS]))
    if len(versions) < 2:
        return None
    largest = max(version.member_count for version in versions)
    changed = max(max(version.added, version.removed) for version in versions)
    slot = WIDTH / len(versions)
    unit = (SIZE_HEIGHT - 8) / (largest or 1)
    points = [
        (round(slot * (place + 0.5), 1), round(SIZE_HEIGHT - unit * version.member_count, 1))
        for place, version in enumerate(versions)
    ]
    line = " ".join(f"{x},{y}" for x, y in points)
    return Chart(
        line=line,
        area=f"{points[0][0]},{SIZE_HEIGHT} {line} {points[-1][0]},{SIZE_HEIGHT}",
        dots=tuple(points),
        bars=tuple(_bar(place, version, slot, changed) for place, version in enumerate(versions)),
        largest=largest,
        most_changed=changed,
        first=versions[0],
        last=versions[-1],
        middle=SIZE_HEIGHT + GAP + CHANGE_HEIGHT / 2,
    )


def _bar(place: int, version: ListVersion, slot: float, most: int) -> Bar:
    middle, half = SIZE_HEIGHT + GAP + CHANGE_HEIGHT / 2, CHANGE_HEIGHT / 2
    added, removed = (round(half * count / (most or 1), 1) for count in (version.added, version.removed))
    return Bar(
        x=round(slot * place + slot * 0.15, 1),
        width=round(slot * 0.7, 1),
        added_y=round(middle - added, 1),
        added_height=added,
        removed_height=removed,
        title=(
            f"Version {version.number:,}: {version.member_count:,} members, "
            f"{version.added:,} added, {version.removed:,} removed"
        ),
    )
