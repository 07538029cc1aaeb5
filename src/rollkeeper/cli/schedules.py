"""`rollkeeper crm schedules` and its fellows: when MKT600 runs by itself (S14)."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from rollkeeper.cli.frame import Failure, Output, json_option

if TYPE_CHECKING:
    from rich.console import Console

    from rollkeeper.crm.schedules.models import JobSchedule

ORIGIN = "command line"

_day = click.DateTime(formats=["%Y-%m-%d"])


@click.command()
@json_option
@click.pass_obj
def schedules(output: Output) -> None:
    """When MKT600 runs by itself: each schedule with its pattern, last and next run."""
    _enter()
    from rollkeeper.crm.schedules.models import JobSchedule

    documents = [_document(found) for found in JobSchedule.objects.all()]
    output.answer(documents, lambda console: _show(console, documents))


@click.command("schedule")
@click.argument("setup_code")
@click.option("--rule", required=True, help="An RRULE, such as FREQ=WEEKLY;BYDAY=MO,TH;BYHOUR=2;BYMINUTE=0.")
@click.option("--begin", type=_day, help="The first day on which it runs.  [default: today]")
@click.option("--end", type=_day, help="The last day on which it runs.  [default: for ever]")
@click.option("--time-zone", help="On whose clock.  [default: the organisation's]")
@json_option
@click.pass_obj
def schedule(
    output: Output,
    setup_code: str,
    rule: str,
    begin: datetime | None,
    end: datetime | None,
    time_zone: str | None,
) -> None:
    """Schedule MKT600 for SETUP_CODE, or change its schedule. A set-up code has one."""
    _enter()
    from django.conf import settings
    from django.utils import timezone

    from rollkeeper.crm.schedules import schedule as domain
    from rollkeeper.crm.schedules.models import JobSchedule
    from rollkeeper.crm.schedules.pattern import read_rule

    author, now = getpass.getuser(), timezone.now()
    with _refusals():
        draft = domain.Draft(
            read_rule(rule.replace("\\n", "\n")),
            time_zone or settings.TIME_ZONE,
            begin.date() if begin else timezone.localdate(),
            end.date() if end else None,
        )
        found = JobSchedule.objects.filter(setup_code=setup_code).first()
        if found is None:
            saved = domain.create_schedule(setup_code, draft, author=author, origin=ORIGIN, now=now)
        else:
            saved = domain.change_schedule(
                found.pk, draft, version=found.version, author=author, origin=ORIGIN, now=now
            )
    _answer(output, saved)


@click.command("pause-schedule")
@click.argument("setup_code")
@json_option
@click.pass_obj
def pause_schedule(output: Output, setup_code: str) -> None:
    """Let the schedule of SETUP_CODE not run until it is resumed."""
    _enter()
    from django.utils import timezone

    from rollkeeper.crm.schedules.schedule import pause

    with _refusals():
        saved = pause(_found(setup_code).pk, author=getpass.getuser(), origin=ORIGIN, now=timezone.now())
    _answer(output, saved)


@click.command("resume-schedule")
@click.argument("setup_code")
@json_option
@click.pass_obj
def resume_schedule(output: Output, setup_code: str) -> None:
    """Let the schedule of SETUP_CODE run again, from its next time on."""
    _enter()
    from django.utils import timezone

    from rollkeeper.crm.schedules.schedule import resume

    with _refusals():
        saved = resume(_found(setup_code).pk, author=getpass.getuser(), origin=ORIGIN, now=timezone.now())
    _answer(output, saved)


def _enter() -> None:
    from rollkeeper.cli.database import enter

    enter("crm")


@contextmanager
def _refusals() -> Iterator[None]:
    """What the CRM refuses, as a failure of the command: a sentence and exit code 1."""
    from rollkeeper.crm.schedules.pattern import PatternRefused
    from rollkeeper.crm.schedules.schedule import ScheduleRefused

    try:
        yield
    except (PatternRefused, ScheduleRefused) as refusal:
        raise Failure(str(refusal)) from refusal


def _found(setup_code: str) -> JobSchedule:
    from rollkeeper.crm.schedules.models import JobSchedule

    found = JobSchedule.objects.filter(setup_code=setup_code).first()
    if found is None:
        raise Failure(f"{setup_code} has no schedule. What to do: rollkeeper crm schedules lists those there are.")
    return found


def _document(found: JobSchedule) -> dict[str, Any]:
    last = found.runs.select_related("run").order_by("-run_id").first()
    return {
        "setup_code": found.setup_code_id,
        "job": found.job,
        "pattern": found.sentence,
        "rule": found.rule,
        "time_zone": found.time_zone,
        "begin": found.begin,
        "end": found.end,
        "state": "paused" if not found.enabled else "over" if found.is_over else "active",
        "next_run": found.next_at,
        "last_run": last.run_id if last else None,
        "last_state": last.run.state if last else None,
        "last_message": last.run.message if last else None,
        "last_late": last.late_sentence if last and last.is_late else None,
    }


def _answer(output: Output, saved: JobSchedule) -> None:
    document = _document(saved)
    following = f"Next run: {_local(document)}." if document["next_run"] else f"It is {document['state']}."
    output.answer(
        document, lambda console: console.print(f"{saved}: {saved.sentence} {saved.span} {following}", markup=False)
    )


def _show(console: Console, documents: list[dict[str, Any]]) -> None:
    from rich.table import Table

    if not documents:
        console.print("Nothing is scheduled. Make a schedule with: rollkeeper crm schedule", markup=False)
        return
    table = Table("Setup Code", "State", "Pattern", "Next run", "Last run", "Result", box=None)
    for document in documents:
        table.add_row(
            document["setup_code"],
            document["state"],
            document["pattern"],
            _local(document),
            "" if document["last_run"] is None else str(document["last_run"]),
            document["last_message"] or document["last_state"] or "",
        )
    console.print(table)
    for document in documents:
        if document["last_late"]:
            console.print(f"{document['setup_code']}, run {document['last_run']}: {document['last_late']}")


def _local(document: dict[str, Any]) -> str:
    from zoneinfo import ZoneInfo

    when = document["next_run"]
    return f"{when.astimezone(ZoneInfo(document['time_zone'])):%Y-%m-%d %H:%M %Z}" if when else ""
