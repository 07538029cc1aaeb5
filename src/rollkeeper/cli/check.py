"""`rollkeeper check`: what is wrong with this installation, and what to do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from rollkeeper.cli.finding import Finding
from rollkeeper.cli.frame import Exit, Failure, Output, json_option

if TYPE_CHECKING:
    from rich.console import Console

    from rollkeeper.configuration import Configuration

LITTLE_ROOM = 2**30  # bytes; a sync of a million people spools most of this


@click.command()
@json_option
@click.pass_obj
def check(output: Output) -> Exit:
    """Look at the configuration, PostgreSQL, both databases, the sites, their workers and the bridges.

    Says of each whether it is well and, where it is not, what to do. Exit code 1 where something is wrong.
    """
    with output.progress("Checking"):
        findings = list(_findings())
    well = all(finding.ok for finding in findings)

    def show(console: Console) -> None:
        for finding in findings:
            console.print(f"{'ok   ' if finding.ok else 'WRONG'}  {finding.what}: {finding.detail}")
            if finding.remedy:
                console.print(f"       What to do: {finding.remedy}")

    output.answer({"ok": well, "checks": [finding.document() for finding in findings]}, show)
    return Exit.DONE if well else Exit.FAILED


def _findings() -> Iterator[Finding]:
    """Everything, in the order in which one thing needs another; without PostgreSQL the rest is not asked."""
    from rollkeeper.configuration import configuration

    settings = configuration()
    yield Finding("Configuration", ok=True, detail=f"The home is {settings.home_path}.")
    yield _home(settings)
    server = _server()
    yield server
    if not server.ok:
        return
    yield from _sites(settings)
    for site in ("crm", "marketing"):
        yield from _of_site(site)


def _home(settings: Configuration) -> Finding:
    home = settings.home_path
    home.mkdir(parents=True, exist_ok=True)
    if not os.access(home, os.W_OK):
        remedy = "Give this user the folder, or set ROLLKEEPER_HOME to another."
        return Finding("Home", ok=False, detail=f"{home} cannot be written.", remedy=remedy)
    free = shutil.disk_usage(home).free
    detail = f"{free // 2**20:,} MiB are free on its disk."
    remedy = "" if free >= LITTLE_ROOM else "Make room: syncs put what they download there."
    return Finding("Home", ok=free >= LITTLE_ROOM, detail=detail, remedy=remedy)


def _server() -> Finding:
    import psycopg

    from rollkeeper.postgres.embedded import PostgresNotStarted
    from rollkeeper.postgres.server import PostgresUnusable, ensure_running, server_url

    try:
        ensure_running()
        with psycopg.connect(server_url()) as connection:
            version = connection.info.server_version
    except (PostgresNotStarted, PostgresUnusable, psycopg.OperationalError) as error:
        what, _, remedy = str(error).strip().partition("What to do: ")
        return Finding("PostgreSQL", ok=False, detail=what.strip(), remedy=remedy)
    return Finding("PostgreSQL", ok=True, detail=f"Version {version // 10000} answers.")


def _sites(settings: Configuration) -> Iterator[Finding]:
    """Do both sites answer where the home's `up` says, or else where the configuration says."""
    from rollkeeper.cli.home import Addresses, answers, running_addresses

    configured = Addresses(settings.home_path, settings.host, settings.port, settings.crm_port)
    addresses = running_addresses(settings.home_path, settings.host) or configured
    for name, url in (("CRM site", addresses.crm_url), ("Marketing site", addresses.marketing_url)):
        if answers(f"{url}/livez"):
            yield Finding(name, ok=True, detail=f"It answers at {url}.")
        else:
            yield Finding(name, ok=False, detail=f"It does not answer at {url}.", remedy="Start it: rollkeeper up.")


def _of_site(site: str) -> list[Finding]:
    """What the site's own process finds: one process touches one site."""
    from rollkeeper.cli.once import ask

    try:
        found: list[dict[str, Any]] = ask("site", "inspect", site, "--json")
    except Failure as failure:
        what, _, remedy = str(failure).partition("What to do: ")
        return [Finding(f"{site} database", ok=False, detail=what.strip(), remedy=remedy)]
    return [Finding(each["what"], each["ok"], each["detail"], each["what_to_do"]) for each in found]
