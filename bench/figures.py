"""Each figure at one size: Rollkeeper's cost and the floor's, turn about, in the same installation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench import floors
from bench.installation import Installation
from bench.meter import Cost, middle

FIRST, UNCHANGED, CHANGED, REGENERATED = (
    "First sync", "Nothing changed, full pull", "1% changed, full pull", "Regeneration, 2% changed",
)  # fmt: skip
LATENCY = "1% changed, in a worker that has run before"
BUDGETS = {FIRST: 1.2, UNCHANGED: 1.3, REGENERATED: 1.5}
PEAK_BUDGET = 300  # MiB, of the process that syncs
LATENCY_BUDGET = 0.1  # seconds, for a list of at most LATENCY_MEMBERS
LATENCY_MEMBERS = 1_000

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: medians. `floor` is None where there is none to compare with."""

    name: str
    members: int
    runs: int
    ours: Cost
    floor: Cost | None
    budget: float | None

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
        }


def figures(place: Installation, size: int, runs: int, say: Say) -> list[Figure]:
    """All figures of an installation of that size, each the median of so many runs."""
    found = [_first(place, runs, say), _unchanged(place, runs, say), _changed(place, runs, say)]
    if size <= LATENCY_MEMBERS:
        found.append(_latency(place, say))
    return [*found, _regenerated(place, runs, found[0].members, say)]


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


def _unchanged(place: Installation, runs: int, say: Say) -> Figure:
    tables = [*floors.TABLES, *map(floors.copy_of, floors.TABLES)]
    place.run("marketing", *(f"VACUUM (ANALYZE) {table}" for table in tables))  # as autovacuum would have
    place.run("crm", "VACUUM (ANALYZE) profile", "VACUUM (ANALYZE) list_member")
    members, ours, least = 0, [], []
    for turn in range(1, runs + 1):
        say(f"{UNCHANGED}, {turn} of {runs}")
        place.settle()
        done = place.errand("sync")
        assert done["unchanged"] == done["received"]
        members = done["members"]
        ours.append(Cost.read(done["cost"]))
        read = place.errand("floor_of_unchanged")
        assert read["received"] == read["stored"] == members
        least.append(Cost.read(read["cost"]))
    return Figure(UNCHANGED, members, runs, middle(ours), middle(least), BUDGETS[UNCHANGED])


def _changed(place: Installation, runs: int, say: Say) -> Figure:
    members, ours, least = 0, [], []
    for turn in range(1, runs + 1):
        say(f"{CHANGED}, {turn} of {runs}")
        floors.change_constituents(turn)
        floors.download(
            place.crm_url, place.token, "BENCH"
        )  # rebuilds the CRM's dirty profiles: neither pays for it
        place.settle()
        done = place.errand("sync")
        assert done["updated"] > 0
        members = done["members"]
        ours.append(Cost.read(done["cost"]))
        floors.put_changes_ready(place.ready, done["run"])
        place.settle()
        least.append(Cost.read(place.errand("floor_of_changed", ready=str(place.ready))["cost"]))
    return Figure(CHANGED, members, runs, middle(ours), middle(least), None)


def _latency(place: Installation, say: Say) -> Figure:
    say(LATENCY)
    done = place.errand("sync", repeat_changed=7)
    costs = [Cost.read(cost) for cost in done["costs"][2:]]
    return Figure(LATENCY, done["members"], len(costs), middle(costs), None, None)


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
