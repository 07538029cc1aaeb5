"""`rollkeeper held`: the removals that the guard holds, and what to do about them (B3)."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rollkeeper.cli import sync_run
from rollkeeper.cli.frame import Exit, Failure, Output, json_option
from rollkeeper.cli.target_group import find_group

if TYPE_CHECKING:
    from rich.console import Console

    from rollkeeper.marketing.target_groups.models import TargetGroup

COLUMNS = ("master_customer_id", "sub_customer_id", "first_name", "last_name", "email", "status", "reason", "run")
CHUNK = 2000


@click.command()
@click.argument("code")
@click.option("--approve", is_flag=True, help="Sync now and make the removals: whoever is not in the list leaves.")
@click.option("--discard", is_flag=True, help="Keep these people until the next sync, which asks again.")
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="How many people to show.")
@click.option(
    "-o",
    "--output",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write all of the people to this file, as CSV.",
)
@json_option
@click.pass_obj
def held(output: Output, code: str, approve: bool, discard: bool, limit: int, path: Path | None) -> Exit:
    """Show the removals that the guard holds in the target group of the list CODE; approve or discard them."""
    if approve and discard:
        raise click.UsageError("Either --approve or --discard.")
    from rollkeeper.cli.database import enter

    enter("marketing")
    group = find_group(code)
    if approve:
        return _approve(output, group)
    if discard:
        return _discard(output, group)
    if path is not None:
        _write(path, group)
    document = _document(group, limit)
    output.answer(document, lambda console: _show(console, document))
    return Exit.DONE


def _approve(output: Output, group: TargetGroup) -> Exit:
    from rollkeeper.marketing.guard.held import note_approval
    from rollkeeper.sync.events import Event

    _need_some(group)
    with output.progress(f"Syncing {group.code}"):
        run = sync_run.perform_here(
            group.bridge,
            Event.RESYNC_COUNT_DETAILS,
            group=group,
            approve_held=True,
            approved_removals=group.count_held,
            before=lambda run: note_approval(group, run, approved_by=getpass.getuser()),
        )
    if run.message:
        output.say(run.message + sync_run.hint(run))
    output.answer(sync_run.ended_now(run), lambda console: sync_run.show(console, run))
    return sync_run.exit_code(run)


def _discard(output: Output, group: TargetGroup) -> Exit:
    from rollkeeper.marketing.guard.held import discard

    _need_some(group)
    people = discard(group, discarded_by=getpass.getuser())
    output.answer(
        {"list": group.code, "discarded": people},
        lambda console: console.print(
            f"{people:,} people stay in {group.code} until the next sync, which asks again."
        ),
    )
    return Exit.DONE


def _need_some(group: TargetGroup) -> None:
    if not group.count_held:
        raise Failure(f"The guard holds no removals in {group.code}.")


def _document(group: TargetGroup, limit: int) -> dict[str, Any]:
    from itertools import islice

    from rollkeeper.marketing.guard.held import holding_run

    run = holding_run(group) if group.count_held else None
    return {
        "list": group.code,
        "held": group.count_held,
        "since": group.held_since,
        "run": run.pk if run else None,
        "message": run.message if run else "",
        "members": group.count_members,
        "list_members": group.list_members,
        "people": [dict(zip(COLUMNS, row, strict=True)) for row in islice(_rows(group), limit)],
    }


def _rows(group: TargetGroup) -> Any:
    from rollkeeper.marketing.guard.held import people

    for removal, person in people(group, CHUNK):
        named = (person.first_name, person.last_name, person.email, person.status) if person else (None,) * 4
        yield (removal.master_customer_id, removal.sub_customer_id, *named, removal.reason, removal.run_id)


def _write(path: Path, group: TargetGroup) -> None:
    import csv

    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(_rows(group))
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror or error}.") from error


def _show(console: Console, document: dict[str, Any]) -> None:
    if not document["held"]:
        console.print(f"{document['list']}: no removals are held.")
        return
    console.print(
        f"{document['list']}: {document['held']:,} removals held since {document['since']:%Y-%m-%d %H:%M} UTC, "
        f"last by run {document['run']}. {document['message']}"
    )
    for person in document["people"]:
        name = " ".join(filter(None, [person["first_name"], person["last_name"]]))
        console.print(f"  {person['master_customer_id']}-{person['sub_customer_id']}  {name}  {person['reason']}")
    if document["held"] > len(document["people"]):
        console.print(f"  … and {document['held'] - len(document['people']):,} more (-o FILE writes all)")
