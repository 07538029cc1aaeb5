"""`rollkeeper site …`: one site in a process of its own. `up` runs these; a person may, on a server of theirs."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any, cast

import click

from rollkeeper.cli.frame import Exit, Output, json_option
from rollkeeper.configuration import Site

THREADS = 4  # requests that one site answers at the same time
KILL_SECONDS = 5  # for requests that still run when the site ends

site_argument = click.argument("site_name", metavar="SITE", type=click.Choice(["crm", "marketing"]))


@click.group(name="site")
def site() -> None:
    """One site in a process of its own (`up` starts it)."""


@site.command()
@site_argument
def serve(site_name: str) -> None:
    """Serve one site until SIGTERM."""
    from rollkeeper.cli.parent import end_with_parent

    end_with_parent()
    serve_site(cast("Site", site_name))


def serve_site(site_name: Site) -> None:
    """Serve with Granian: its main process accepts, one worker process answers, in threads (WSGI)."""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    from rollkeeper.configuration import configuration
    from rollkeeper.postgres.server import ensure_running

    settings = configuration()
    ensure_running()
    server = Granian(
        target=f"rollkeeper.{site_name}.wsgi:application",
        address=settings.host,
        port=settings.crm_port if site_name == "crm" else settings.port,
        interface=Interfaces.WSGI,
        blocking_threads=THREADS,
        websockets=False,
        workers_kill_timeout=KILL_SECONDS,
        log_level=LogLevels(settings.log_level.lower()),
    )
    server.serve(target_loader=_application)


def _application(target: str) -> Any:
    """The application, as Granian's worker process loads it; that process too ends with its parent."""
    from django.utils.module_loading import import_string

    from rollkeeper.cli.parent import end_with_parent

    end_with_parent()
    return import_string(target.replace(":", "."))


@site.command()
@site_argument
@click.option("--sample", type=click.Choice(["none", "small", "middle", "large"]), default="none")
@click.option("--crm-url", default="http://127.0.0.1:8001", help="Where the bundled bridge finds the CRM site.")
@json_option
@click.pass_obj
def prepare(output: Output, site_name: str, sample: str, crm_url: str) -> None:
    """Bring a site's tables up to date and make what it needs to start."""
    from rollkeeper.cli.database import set_up
    from rollkeeper.cli.parent import end_with_parent
    from rollkeeper.cli.preparation import prepare_crm, prepare_marketing

    end_with_parent()
    set_up(cast("Site", site_name))
    done = prepare_crm(sample, output.say) if site_name == "crm" else prepare_marketing(crm_url)
    output.answer(asdict(done), lambda console: console.print(asdict(done)))


@site.command()
@json_option
@click.pass_obj
def new_token(output: Output) -> None:
    """Make the CRM's token for the bundled bridge anew and print it."""
    from rollkeeper.cli import preparation
    from rollkeeper.cli.database import enter

    enter("crm")
    token = preparation.new_token()
    output.answer({"token": token}, lambda console: console.print(token))


@site.command()
def store_token() -> None:
    """Give the bundled bridge the CRM's token, read from standard input (arguments are seen by everyone)."""
    from rollkeeper.cli import preparation
    from rollkeeper.cli.database import enter

    enter("marketing")
    preparation.store_token(sys.stdin.readline().strip())


@site.command()
@click.option("--lists", is_flag=True, help="Also sync the target group of each list that never was.")
@json_option
@click.pass_obj
def first_syncs(output: Output, lists: bool) -> Exit:
    """The first catalog sync of the bundled bridge and, on demand, the first audience sync of each of its lists."""
    from rollkeeper.cli.database import enter
    from rollkeeper.cli.first_syncs import sync_for_the_first_time
    from rollkeeper.cli.parent import end_with_parent

    end_with_parent()
    enter("marketing")
    code, done = sync_for_the_first_time(lists, output.say)
    output.answer(done, lambda console: console.print(done))
    return code


@site.command()
@site_argument
@json_option
@click.pass_obj
def inspect(output: Output, site_name: str) -> None:
    """What `rollkeeper check` asks of one site."""
    from rollkeeper.cli.database import set_up
    from rollkeeper.cli.inspection import inspect as findings_of

    set_up(cast("Site", site_name))
    found = [finding.document() for finding in findings_of(cast("Site", site_name))]
    output.answer(found, lambda console: console.print(found))
