"""`python -m bench.designs`: each design loaded, compared, changed, exported, paged; CPU seconds and megabytes.

Turn about, each in the same fresh server. CPU is that of this process and all of PostgreSQL.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any

import click
import psycopg
from psycopg import sql
from rich.console import Console
from rich.table import Table

from bench.designs import steps
from bench.designs.layouts import LAYOUTS, Layout
from bench.meter import measured
from rollkeeper.postgres.embedded import hold, release

NO_PROCESS = -1
STEPS = ("load", "same", "same, a tenth", "1%", "1% again", "1,000", "export", "page ms", "MB", "MB later")


@click.command()
@click.option("--rows", type=click.IntRange(1_000), default=300_000, show_default=True)
@click.option("--runs", type=click.IntRange(1), default=3, show_default=True, help="Each figure is the median.")
@click.option("--only", help="Names of designs, comma-separated.")
def designs(rows: int, runs: int, only: str | None) -> None:
    """Measure each way of storing members."""
    chosen = [layout for layout in LAYOUTS if not only or layout.name in only.split(",")]
    found: dict[str, list[dict[str, float]]] = {layout.name: [] for layout in chosen}
    with tempfile.TemporaryDirectory(prefix="rollkeeper-designs-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        server = hold(home)
        try:
            process = int((server.data / "postmaster.pid").read_text().splitlines()[0])
            with psycopg.connect(server.url, autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET autovacuum = off")
                connection.execute("SELECT pg_reload_conf()")
                for turn in range(runs):
                    for layout in chosen[turn % len(chosen) :] + chosen[: turn % len(chosen)]:
                        click.echo(f"{layout.name}, {turn + 1} of {runs}", err=True)
                        found[layout.name].append(_one(connection, layout, rows, process))
        finally:
            release(home)
    Console(width=132).print(_table(chosen, found, rows))


def _one(connection: psycopg.Connection[Any], layout: Layout, rows: int, process: int) -> dict[str, float]:
    """All figures of one design, once."""
    incoming = steps.narrow(layout, rows)
    tenth = steps.narrow(layout, rows, 10)
    for statement in layout.tables():
        connection.execute(sql.SQL(statement))

    def seconds(work: Callable[[], object]) -> float:
        connection.execute("CHECKPOINT")
        with measured(NO_PROCESS, process) as cost:
            work()
        return cost.cpu

    cost = {"load": seconds(lambda: steps.load(connection, layout, rows))}
    steps.add_second_group(connection, layout)
    connection.execute("VACUUM (ANALYZE) subscriber")
    connection.execute("VACUUM (ANALYZE) group_member")
    cost["MB"] = steps.megabytes(connection)
    cost["same"] = seconds(lambda: steps.compare(connection, layout, 1, incoming, rows))
    cost["same, a tenth"] = seconds(lambda: steps.compare(connection, layout, 2, tenth, len(range(0, rows, 10))))
    cost["export"] = seconds(lambda: steps.export(connection, layout))
    cost["page ms"] = steps.page_milliseconds(connection, layout, rows)
    cost["1%"] = seconds(lambda: steps.change(connection, layout, rows, rows // 100, 1))
    cost["1% again"] = seconds(lambda: steps.change(connection, layout, rows, rows // 100, 2))
    cost["1,000"] = seconds(lambda: steps.change(connection, layout, rows, 1_000, 3))
    cost["MB later"] = steps.megabytes(connection)
    return cost


def _table(chosen: Iterable[Layout], found: dict[str, list[dict[str, float]]], rows: int) -> Table:
    load = f"load {os.getloadavg()[0]:.1f}"
    table = Table(title=f"{rows:,} members, CPU seconds of client and PostgreSQL, medians ({load} at the end)")
    table.add_column("Design")
    for step in STEPS:
        table.add_column(step, justify="right")
    for layout in chosen:
        figures = [median(each[step] for each in found[layout.name]) for step in STEPS]
        table.add_row(layout.name, *(f"{figure:.2f}" if figure < 100 else f"{figure:.0f}" for figure in figures))
    return table


if __name__ == "__main__":
    designs()
