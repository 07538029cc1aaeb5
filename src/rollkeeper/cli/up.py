"""`rollkeeper up`: everything on one machine, in the foreground, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import click

from rollkeeper.cli.frame import Failure, Output
from rollkeeper.cli.home import Addresses, answers, claim_home
from rollkeeper.cli.once import ask, ask_at_once
from rollkeeper.cli.processes import Child, Children, child_tail

START_SECONDS = 180  # for a site to answer the first time, on a busy machine

SIGN_IN = "Sign in as administrator with the password that was shown at the first start"


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="The marketing site's port.  [default: 8000]")
@click.option("--crm-port", type=click.IntRange(1, 65535), help="The CRM site's port.  [default: 8001]")
@click.option(
    "--sample",
    type=click.Choice(["none", "small", "middle", "large"]),
    default="small",
    show_default=True,
    help="The sample association to make where the CRM is empty.",
)
@click.option("--no-browser", is_flag=True, help="Do not open the marketing site in a browser.")
@click.pass_obj
def up(output: Output, port: int | None, crm_port: int | None, sample: str, no_browser: bool) -> None:
    """Start PostgreSQL, both sites and their workers, and serve until Ctrl-C.

    The first start makes everything; a later one keeps the data and takes seconds.
    """
    addresses = _addresses(port, crm_port)
    children = Children(output.say)
    passwords: dict[str, str] = {}
    with claim_home(addresses), _ended_by_signals() as ending:
        try:
            crm, marketing = _prepare(output, addresses, sample)
            passwords = _new_passwords(crm=crm, marketing=marketing)
            _start(output, children, addresses)
            if crm["sample"] or not marketing["synced"]:
                _first_syncs(output, new_sample=crm["sample"])
            _announce(addresses, passwords)
            passwords = {}
            if not no_browser and _has_desktop():
                webbrowser.open(addresses.marketing_url)
            children.supervise(until=_kept_up(output, ending))
        except KeyboardInterrupt:
            if passwords:  # they are in no other place: who interrupts the first start must see them too
                _announce(addresses, passwords)
        finally:
            ending.append(0)
            output.say("Ending …")
            children.end()


def _kept_up(output: Output, ending: list[int]) -> Callable[[], bool]:
    """Whether to end; looks after PostgreSQL, which is no child of ours, at each question."""
    from rollkeeper.postgres.server import keep_running

    def asked_to_end() -> bool:
        if not ending and keep_running():
            output.say("PostgreSQL had ended; it is started again.")
        return bool(ending)

    return asked_to_end


def _addresses(port: int | None, crm_port: int | None) -> Addresses:
    """Where the sites listen; the options win over the environment, here and in every process that we start."""
    for name, value in (("ROLLKEEPER_PORT", port), ("ROLLKEEPER_CRM_PORT", crm_port)):
        if value is not None:
            os.environ[name] = str(value)
    from rollkeeper.configuration import configuration

    settings = configuration()
    if settings.port == settings.crm_port:
        raise click.UsageError(f"Both sites cannot have port {settings.port}.")
    return Addresses(settings.home_path, settings.host, settings.port, settings.crm_port)


@contextmanager
def _ended_by_signals() -> Iterator[list[int]]:
    """The first signal to end interrupts what we do; what comes later finds the list not empty and waits."""
    received: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        if not received:
            received.append(number)
            raise KeyboardInterrupt

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # under nohup it goes on without its terminal
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _prepare(output: Output, addresses: Addresses, sample: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Databases, tables, administrators, sample, bridge. Returns what came of it (`Prepared`) for each site."""
    from rollkeeper.postgres.server import ensure_database, ensure_running

    output.say("Starting PostgreSQL …")
    ensure_running()
    ensure_database("crm")
    ensure_database("marketing")
    output.say("Preparing both sites …")
    crm, marketing = ask_at_once(
        ["site", "prepare", "crm", "--sample", sample, "--json"],
        ["site", "prepare", "marketing", "--crm-url", addresses.crm_url, "--json"],
    )
    if not (crm["token"] and marketing["token"]):
        ask("site", "store-token", told=ask("site", "new-token", "--json")["token"])
    return crm, marketing


def _new_passwords(**prepared: dict[str, Any]) -> dict[str, str]:
    """The passwords of administrators that were just made, by site."""
    return {name: answer["password"] for name, answer in prepared.items() if answer["password"]}


def _start(output: Output, children: Children, addresses: Addresses) -> None:
    """Start sites and workers and wait until both sites answer."""
    output.say("Starting both sites and their workers …")
    log = addresses.home / "log"
    sites = {
        addresses.crm_url: children.keep_alive("CRM site", ["site", "serve", "crm"], log / "crm-site.log"),
        addresses.marketing_url: children.keep_alive(
            "marketing site", ["site", "serve", "marketing"], log / "marketing-site.log"
        ),
    }
    for url, child in sites.items():
        _wait_for(children, url, child)
    for name in ("crm", "marketing"):  # after the sites: who waits for those should not wait for these
        children.keep_alive(f"{name} worker", ["work", "--site", name], log / f"{name}-worker.log")


def _wait_for(children: Children, url: str, child: Child) -> None:
    if not children.supervise_for(START_SECONDS, until=lambda: answers(f"{url}/livez")):
        raise Failure(
            f"The {child.name} did not answer within {START_SECONDS} s. Its log ends:\n{child_tail(child)}"
        )


def _first_syncs(output: Output, new_sample: bool) -> None:
    """The first catalog sync and, with a new sample, the first audience sync of each list.

    Where they fail the sites are served all the same: a person sees the run and can start it again.
    """
    try:
        ask("site", "first-syncs", *(["--lists"] if new_sample else []), "--json")
    except Failure as failure:
        output.say(f"The first syncs are not complete: {failure}")


def _has_desktop() -> bool:
    """Whether a browser would open in a window; without one it would take over the terminal."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _announce(addresses: Addresses, passwords: dict[str, str]) -> None:
    """The last thing that is printed: the addresses and how to sign in."""
    click.echo()
    for name, key, url in (
        ("Marketing site", "marketing", addresses.marketing_url),
        ("CRM site", "crm", addresses.crm_url),
    ):
        if key in passwords:
            how = f"sign in as administrator, password {passwords[key]}"
        else:
            how = f"{SIGN_IN.lower()} (or: rollkeeper reset-password {key})"
        click.echo(f"{name:<15} {url}  {how}")
    if passwords:
        click.echo("The passwords are shown this once. A new one: rollkeeper reset-password SITE")
    click.echo("Ctrl-C ends everything.")
