"""Each figure at one size: Rollkeeper's cost and the floor's, turn about, in the same installation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench import floors
from bench.installation import LARGEST_REAL, Installation
from bench.meter import Cost, middle

FIRST, FULL, CHANGED, REGENERATED = (
    "First sync", "Nothing changed, full pull", "1% changed, full pull", "Regeneration, 2% changed",
)  # fmt: skip
UNCHANGED = "Nothing changed, by token"
SMALL = "1% changed, rebuilt in the CRM, by token"
BUDGETS = {FIRST: 1.2, FULL: 1.3, REGENERATED: 1.5}
DELTA_BUDGET = 2.0  # beside hand-written SQL that applies the same changes
CHANGES = (100, 1_000, 10_000)
PEAK_BUDGET = 300  # MiB, of the process that syncs
UNCHANGED_BUDGET = 0.02  # seconds beside a bare request
SMALL_BUDGET = 0.1  # seconds, for a list of at most SMALL_MEMBERS
SMALL_MEMBERS = 1_000
TIMES = 7  # of what takes milliseconds, in one process

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: medians. `floor` is None where there is none to compare with."""

    name: str
    members: int
    runs: int
    ours: Cost
    floor: Cost | None
    budget: float | None  # ours through the floor's
    seconds: float | None = None  # of wall time beside the floor's

    def ratio(self, of: str) -> float | None:
        """Ours through the floor's: of `wall` or `cpu`. None where the floor is below what the clock shows."""
        least = getattr(self.floor, of) if self.floor else 0.0
        return getattr(self.ours, of) / least if least else None

    def document(self) -> dict[str, Any]:
        return {
            "figure": self.name,
            "members": self.members,
            "runs": self.runs,
            "ours": self.ours.document(),
            "floor": self.floor.document() if self.floor else None,
            "ratio_wall": self.ratio("wall"),
            "ratio_cpu": self.ratio("cpu"),
            "budget": self.budget,
            "budget_seconds": self.seconds,
        }


def figures(place: Installation, size: int, runs: int, say: Say) -> list[Figure]:
    """All figures of an installation of that size, each the median of so many runs."""
    place.run("crm", "VACUUM (ANALYZE)")  # as autovacuum would have: whoever reads a new table first pays for it
    found = [_first(place, runs, say), _full(place, runs, say), _unchanged(place, say)]
    members = found[0].members
    found += [_delta(place, members, wanted, runs, say) for wanted in CHANGES if wanted * 9 <= members]
    if size <= SMALL_MEMBERS:
        found.append(_small(place, say))
    if size <= LARGEST_REAL:
        found += [_changed(place, runs, say), _regenerated(place, runs, members, say)]
    return found


def _first(place: Installation, runs: int, say: Say) -> Figure:
    members, ours, least = 0, [], []
    for turn in range(1, runs + 1):
        say(f"{FIRST}, {turn} of {runs}")
        floors.forget_members()
        place.settle()
        done = place.errand("sync")
        members = done["members"]
        ours.append(Cost.read(done["cost"]))
        floors.make_copies()
        floors.put_rows_ready(place.ready)
        place.settle()
        least.append(Cost.read(place.errand("floor_of_first", ready=str(place.ready))["cost"]))
    return Figure(FIRST, members, runs, middle(ours), middle(least), BUDGETS[FIRST])


def _full(place: Installation, runs: int, say: Say) -> Figure:
    tables = [*floors.TABLES, *map(floors.copy_of, floors.TABLES)]
    place.run("marketing", *(f"VACUUM (ANALYZE) {table}" for table in tables))  # as autovacuum would have
    place.run("crm", "VACUUM (ANALYZE) profile", "VACUUM (ANALYZE) list_member")
    members, ours, least = 0, [], []
    for turn in range(1, runs + 1):
        say(f"{FULL}, {turn} of {runs}")
        place.settle()
        done = place.errand("sync")
        assert done["unchanged"] == done["received"]
        members = done["members"]
        ours.append(Cost.read(done["cost"]))
        read = place.errand("floor_of_unchanged")
        assert read["received"] == read["stored"] == members
        least.append(Cost.read(read["cost"]))
    return Figure(FULL, members, runs, middle(ours), middle(least), BUDGETS[FULL])


def _unchanged(place: Installation, say: Say) -> Figure:
    say(UNCHANGED)
    done = place.errand("sync_unchanged", times=TIMES)
    ours, least = (middle([Cost.read(cost) for cost in done[key]]) for key in ("costs", "floors"))
    return Figure(UNCHANGED, done["members"], TIMES, ours, least, None, UNCHANGED_BUDGET)


def _delta(place: Installation, members: int, wanted: int, runs: int, say: Say) -> Figure:
    name = f"{wanted:,} changed, by token"
    say(name)
    times = max(runs, 3)
    arguments = {"ready": str(place.ready), "wanted": wanted, "times": times, "turn": wanted}
    done = place.errand("sync_changed", **arguments)
    ours, least = (middle([Cost.read(cost) for cost in done[key]]) for key in ("costs", "floors"))
    return Figure(name, members, times, ours, least, DELTA_BUDGET)


def _changed(place: Installation, runs: int, say: Say) -> Figure:
    members, ours, least = 0, [], []
    for turn in range(1, runs + 1):
        say(f"{CHANGED}, {turn} of {runs}")
        floors.change_constituents(500 + turn)  # not as `sync_small` did before
        place.errand("refresh")
        place.settle()
        done = place.errand("sync")
        assert done["updated"] > 0
        members = done["members"]
        ours.append(Cost.read(done["cost"]))
        floors.put_changes_ready(place.ready, done["run"])
        place.settle()
        least.append(Cost.read(place.errand("floor_of_changed", ready=str(place.ready))["cost"]))
    return Figure(CHANGED, members, runs, middle(ours), middle(least), None)


def _small(place: Installation, say: Say) -> Figure:
    say(SMALL)
    done = place.errand("sync_small", times=TIMES)
    ours = middle([Cost.read(cost) for cost in done["costs"]])
    return Figure(SMALL, done["members"], TIMES, ours, None, None, SMALL_BUDGET)


def _regenerated(place: Installation, runs: int, members: int, say: Say) -> Figure:
    floors.copy_list_members()
    place.run("crm", "VACUUM (ANALYZE) constituent", "VACUUM (ANALYZE) bench_list_member")
    ours, least = [], []
    for turn in range(1, runs + 1):
        say(f"{REGENERATED}, {turn} of {runs}")
        floors.change_statuses(turn)
        place.settle()
        done = place.errand("regenerate")
        assert done["changes"] > 0
        ours.append(Cost.read(done["cost"]))
        least.append(Cost.read(place.errand("floor_of_regenerate", version=done["version"])["cost"]))
    return Figure(REGENERATED, members, runs, middle(ours), middle(least), BUDGETS[REGENERATED])
