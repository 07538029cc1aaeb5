"""`rollkeeper work`: a worker. Run more of them, on other machines too, over the same databases."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Mapping
from types import FrameType
from typing import cast

import click

from rollkeeper.cli.frame import Output
from rollkeeper.configuration import Site, configuration

QUEUES: Mapping[Site, Mapping[str, int]] = {
    "crm": {"lists": 2, "default": 1},
    "marketing": {"sync": 2, "default": 1},
}
"""The queues of each site's database, and how many pieces of work of each one worker runs at once."""


@click.command()
@click.option(
    "--site", "site_name", type=click.Choice(["crm", "marketing"]), help="Work for this site only.  [default: both]"
)
@click.pass_obj
def work(output: Output, site_name: str | None) -> None:
    """Run a worker until Ctrl-C: it finishes what it runs; a second Ctrl-C ends it at once.

    Work that a killed worker held is taken over by another within a minute.
    """
    if site_name is None:
        _work_for_both(output)
    else:
        _work_for(cast("Site", site_name))


def _work_for(site_name: Site) -> None:
    from rollkeeper.cli.database import enter
    from rollkeeper.cli.parent import end_with_parent

    end_with_parent()
    logging.basicConfig(
        stream=sys.stderr, level=configuration().log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    enter(site_name)
    from rollkeeper.work.worker import run_worker

    run_worker(QUEUES[site_name])


def _work_for_both(output: Output) -> None:
    """A process for each site, kept alive: one process touches one site."""
    from rollkeeper.cli.processes import Children

    asked_to_end = False

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal asked_to_end
        asked_to_end = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    children = Children(output.say)
    try:
        for site_name in QUEUES:
            children.keep_alive(f"{site_name} worker", ["work", "--site", site_name], log=None)
        children.supervise(until=lambda: asked_to_end)
    finally:
        children.end()
