"""What a piece of work costs: wall seconds, CPU seconds of each party, the worker's peak memory.

Linux only: it reads `/proc`. A process that has ended counts with its parent, as soon as the parent has fetched
its end, so the sum over a server's process and its living descendants misses nobody.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import median
from typing import Any, Self

REAPED_SECONDS = 0.2  # until whoever has ended is with its parent: in between it would be missed
TICKS = os.sysconf("SC_CLK_TCK")  # of /proc's times, a second: they are exact to 10 ms


@dataclass(slots=True)
class Cost:
    """Seconds: `wall`, and CPU of the client, the CRM site and all of PostgreSQL. `peak`: the client's MiB."""

    wall: float = 0.0
    client: float = 0.0
    crm: float = 0.0
    postgres: float = 0.0
    peak: float = 0.0

    @property
    def cpu(self) -> float:
        return self.client + self.crm + self.postgres

    def document(self) -> dict[str, float]:
        return {name: round(value, 4) for name, value in {**asdict(self), "cpu": self.cpu}.items()}

    @classmethod
    def read(cls, document: dict[str, Any]) -> Self:
        return cls(**{each.name: document[each.name] for each in fields(cls)})


def middle(costs: Sequence[Cost]) -> Cost:
    """The median of each figure; of the memory the most."""
    found = {each.name: median(getattr(cost, each.name) for cost in costs) for each in fields(Cost)}
    return Cost(**{**found, "peak": max(cost.peak for cost in costs)})


@contextmanager
def measured(crm: int, postgres: int) -> Iterator[Cost]:
    """The cost of the block, known after it. `crm`, `postgres`: the main processes of the two servers."""
    cost = Cost()
    before = (time.perf_counter(), time.process_time(), _tree_seconds(crm), _tree_seconds(postgres))
    yield cost
    now = (time.perf_counter(), time.process_time())
    time.sleep(REAPED_SECONDS)
    after = (*now, _tree_seconds(crm), _tree_seconds(postgres))
    cost.wall, cost.client, cost.crm, cost.postgres = (
        end - start for end, start in zip(after, before, strict=True)
    )
    cost.peak = _peak_mib()


def _tree_seconds(root: int) -> float:
    """CPU seconds of a process, its living descendants, and those of them that have ended."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            stat = (folder / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        values = stat.rpartition(")")[2].split()  # the name before it may hold blanks
        parents[int(folder.name)] = int(values[1])
        ticks[int(folder.name)] = sum(map(int, values[11:15]))  # utime, stime, cutime, cstime
    return sum(ticks[pid] for pid in ticks if _descends(pid, root, parents)) / TICKS


def _descends(pid: int, root: int, parents: dict[int, int]) -> bool:
    while pid != root:
        if pid not in parents:
            return False
        pid = parents[pid]
    return True


def _peak_mib() -> float:
    """VmHWM of this process: `ru_maxrss` would be that of the process that started it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("This system does not tell a process's peak memory.")
