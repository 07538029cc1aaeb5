"""`python -m bench`: the figures of docs/reference/performance.md, each beside its floor, in the same run."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from bench.figures import PEAK_BUDGET, Figure, figures
from bench.installation import installed


class Sizes(click.ParamType[list[int]]):
    """Numbers of members, comma-separated; underscores may part the thousands."""

    name = "N,N"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        if isinstance(value, list):
            return value
        try:
            found = [int(part) for part in str(value).split(",")]
        except ValueError:
            self.fail(f"{value} is not a list of numbers, as 100000,1000000 is.", param, ctx)
        if min(found) < 200:
            self.fail("Fewer than 200 members are not worth measuring.", param, ctx)
        return found


@click.command()
@click.option("--sizes", type=Sizes(), default="100000", show_default=True, help="Members, comma-separated.")
@click.option(
    "--runs", type=click.IntRange(1), default=3, show_default=True, help="Each figure's median is of these."
)
@click.option("--crm-port", type=click.IntRange(1, 65535), help="For the CRM site.  [default: a free one]")
@click.option(
    "--in", "parent", type=click.Path(path_type=Path, file_okay=False), help="Where the data goes meanwhile."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of the table.")
def bench(sizes: list[int], runs: int, crm_port: int | None, parent: Path | None, as_json: bool) -> None:
    """Measure syncs and regenerations of lists of these sizes, each beside its floor.

    Makes an installation of its own in a temporary folder (about 3 GB for a million members) and removes it.
    """
    for name in [name for name in os.environ if name.startswith("ROLLKEEPER_")]:
        del os.environ[name]  # an installation of our own, whatever the surroundings say
    found: list[Figure] = []
    for size in sizes:
        click.echo(f"{size:,} members: making the association", err=True)
        with installed(size, crm_port or _free_port(), parent) as place:
            found += figures(place, size, runs, lambda text: click.echo(f"  {text}", err=True))
    if as_json:
        click.echo(json.dumps([figure.document() for figure in found], indent=2))
    else:
        Console(width=132).print(_table(found))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _table(found: list[Figure]) -> Table:
    table = Table(title="Seconds: wall / CPU of worker + CRM site + PostgreSQL. Ratios: ours through the floor.")
    for heading in (
        "Figure",
        "Members",
        "Ours",
        "CPU: worker, CRM, PostgreSQL",
        "Floor",
        "Ratio",
        "Budget",
        "Peak",
    ):
        table.add_column(heading, justify="left" if heading == "Figure" else "right")
    for figure in found:
        ours, floor = figure.ours, figure.floor
        table.add_row(
            figure.name,
            f"{figure.members:,}",
            f"{ours.wall:.3f} / {ours.cpu:.2f}",
            f"{ours.client:.2f}  {ours.crm:.2f}  {ours.postgres:.2f}",
            f"{floor.wall:.3f} / {floor.cpu:.2f}" if floor else "",
            " / ".join(f"{ratio:.2f}" if ratio else "–" for ratio in map(figure.ratio, ("wall", "cpu"))),
            _budget(figure),
            f"{ours.peak:.0f} of {PEAK_BUDGET} MiB" if "egeneration" not in figure.name else "",
        )
    return table


def _budget(figure: Figure) -> str:
    if figure.seconds:
        return f"{'floor + ' if figure.floor else ''}{figure.seconds:g} s"
    return f"{figure.budget:.1f}" if figure.budget else ""


if __name__ == "__main__":
    bench()
