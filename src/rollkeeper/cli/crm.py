"""`rollkeeper crm`: constituents in, list definitions, jobs, lists out, each done in this process."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from rollkeeper.cli.crm_verify import verify
from rollkeeper.cli.frame import Exit, Failure, Output, json_option
from rollkeeper.cli.schedules import pause_schedule, resume_schedule, schedule, schedules

if TYPE_CHECKING:
    from rich.console import Console

    from rollkeeper.crm.constituents.import_csv import ImportReport
    from rollkeeper.crm.jobs.models import JobRun
    from rollkeeper.crm.lists.imported_ids import IdFile
    from rollkeeper.crm.lists.models import MarketingList
    from rollkeeper.table_file import Format

FREQUENCIES = ("HOURLY", "DAILY", "WEEKLY", "MONTHLY", "ALWAYS", "NONE")
LONGEST_DEFINITION = 10 * 2**20  # bytes of a rule or a query
LINES_SHOWN = 20  # of those set aside; --json has more

_file = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)


@click.group()
def crm() -> None:
    """The CRM: constituents, marketing lists, jobs and their schedules."""


for command in (schedules, schedule, pause_schedule, resume_schedule, verify):
    crm.add_command(command)


@crm.command("import-constituents")
@click.argument("file", type=_file)
@json_option
@click.pass_obj
def import_constituents(output: Output, file: Path) -> None:
    """Create or update constituents from FILE, a CSV with a header (UTF-8).

    Bad rows are set aside with line and reason; the rest go in.
    """
    _enter()
    from rollkeeper.crm.constituents import import_csv

    with output.progress(f"Importing {file.name}"), _refusals():
        report = import_csv.import_constituents(file, author=getpass.getuser(), origin="command line")
    for row in report.set_aside_rows[:LINES_SHOWN]:
        output.say(f"line {row.line}: {row.sentence}")
    _say_how_many_more(output, report.set_aside)
    for note in report.notes:
        output.say(note)
    output.answer(_import_document(report), lambda console: _show_import(console, report))


@crm.command("save-list")
@click.argument("code")
@click.option("--name", help="The list's name. A list that is there keeps its own.")
@click.option("--rule", "rule_file", type=_file, help="A rule, as JSON (docs/reference/list-rules.md).")
@click.option("--sql", "sql_file", type=_file, help="A SELECT over the reporting views.")
@click.option("--ids", "ids_file", type=_file, help="Customer ids, a headerless CSV: master,sub.")
@click.option("--frequency", type=click.Choice(FREQUENCIES, case_sensitive=False), help="Regeneration frequency.")
@click.option("--may-be-empty/--not-empty", default=None, help="Whether a first build of no one counts.")
@json_option
@click.pass_obj
def save_list(
    output: Output,
    code: str,
    name: str | None,
    rule_file: Path | None,
    sql_file: Path | None,
    ids_file: Path | None,
    frequency: str | None,
    may_be_empty: bool | None,
) -> None:
    """Create the list CODE or change it. Its members change when MKT510 or MKT600 regenerates it."""
    if sum(file is not None for file in (rule_file, sql_file, ids_file)) > 1:
        raise click.UsageError("Give one of --rule, --sql and --ids: a list has one definition.")
    _enter()
    from rollkeeper.crm.lists import definition
    from rollkeeper.crm.lists.imported_ids import IdFile

    ids = None if ids_file is None else IdFile(ids_file)
    with output.progress(f"Saving {code}"), _refusals():
        saved = definition.save_list(
            code,
            name,
            rule=None if rule_file is None else _read_rule(rule_file),
            sql=None if sql_file is None else _read_text(sql_file),
            ids=ids,
            frequency=frequency,
            may_be_empty=may_be_empty,
            author=getpass.getuser(),
            origin="command line",
        )
    if ids is not None:
        for line in ids.set_aside[:LINES_SHOWN]:
            output.say(f"line {line.line}: {line.reason}")
        _say_how_many_more(output, ids.set_aside_count)
    output.answer(_saved_document(saved, ids), lambda console: _show_saved(console, saved, ids))


@crm.command("run-job")
@click.argument("job", type=click.Choice(["MKT510", "MKT600"], case_sensitive=False))
@click.option("--list", "list_code", help="The list: for MKT510 the one to build, for MKT600 the only one.")
@click.option("--setup-code", help="The set-up code that the job runs under.")
@json_option
@click.pass_obj
def run_job(output: Output, job: str, list_code: str | None, setup_code: str | None) -> Exit:
    """Run a job now and wait: MKT510 builds a list, MKT600 regenerates the lists of a frequency."""
    if job == "MKT510" and not list_code and not setup_code:
        raise click.UsageError("MKT510 builds one list: give --list CODE.")
    if job == "MKT600" and not setup_code:
        raise click.UsageError("MKT600 runs under a set-up code: give --setup-code S.")
    _enter()
    from rollkeeper.crm.jobs.perform import perform
    from rollkeeper.crm.jobs.request import record_run

    with output.progress(f"Running {job}"), _refusals():
        recorded = record_run(job, setup_code=setup_code, list_code=list_code, requested_by=getpass.getuser())
        run = perform(recorded.pk)
    results = _results(run)
    for result in results:
        if result["reason"]:
            output.say(f"{result['list']}: {result['outcome']}. {result['reason']}")
    output.answer(_run_document(run, results), lambda console: _show_run(console, run, results))
    return Exit.DONE if run.state == run.State.COMPLETED else Exit.FAILED


@crm.command("lists")
@json_option
@click.pass_obj
def lists(output: Output) -> None:
    """The marketing lists: code, name, count, frequency, last regenerated."""
    _enter()
    from rollkeeper.crm.lists.models import MarketingList

    documents = [_list_document(found) for found in MarketingList.objects.all()]
    output.answer(documents, lambda console: _show_lists(console, documents))


@crm.command("export-list")
@click.argument("code")
@click.option("--format", "form", type=click.Choice(["csv", "parquet"]), default="csv", show_default=True)
@click.option("-o", "--output", "target", type=click.Path(dir_okay=False, path_type=Path), required=True)
@json_option
@click.pass_obj
def export_list(output: Output, code: str, form: str, target: Path) -> None:
    """Write the members of the list CODE to a file, as the data service would give them, by customer id."""
    _enter()
    from rollkeeper.crm.lists.export import export

    with output.progress(f"Exporting {code}"), _refusals():
        done = export(code, target, cast("Format", form))
    document = {
        "code": code,
        "file": str(target),
        "format": form,
        "members": done.members,
        "version": done.version,
        "as_of": done.as_of,
    }
    as_of = f"{done.as_of:%Y-%m-%d %H:%M %Z}" if done.as_of else "never"
    output.answer(
        document,
        lambda console: console.print(
            f"{target}: {done.members:,} members of {code}, as of {as_of}.", markup=False
        ),
    )


def _enter() -> None:
    from rollkeeper.cli.database import enter

    enter("crm")


@contextmanager
def _refusals() -> Iterator[None]:
    """What the CRM refuses, as a failure of the command: a sentence and exit code 1."""
    from rollkeeper.crm.constituents.import_csv import ImportRefused
    from rollkeeper.crm.data_service.members import (
        ListNotBuilt,
        MembersInconsistent,
        NoSuchList,
        ProfilesBusy,
    )
    from rollkeeper.crm.jobs.request import JobRefused
    from rollkeeper.crm.lists.errors import ListRefused

    try:
        yield
    except (ImportRefused, ListRefused, JobRefused, NoSuchList, ProfilesBusy, MembersInconsistent) as error:
        raise Failure(str(error)) from error
    except ListNotBuilt as error:
        raise Failure(f"{error} What to do: run it (rollkeeper crm run-job MKT510 --list CODE).") from error


def _read_text(file: Path) -> str:
    try:
        with file.open("rb") as handle:
            content = handle.read(LONGEST_DEFINITION + 1)
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Failure(f"{file} is not UTF-8 (byte {error.start}).") from error
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}.") from error
    if len(content) > LONGEST_DEFINITION:
        raise Failure(f"{file} is larger than {LONGEST_DEFINITION // 2**20} MiB; a definition is not.")
    if not text.strip():
        raise Failure(f"{file} is empty.")
    return text


def _read_rule(file: Path) -> object:
    import json

    try:
        rule: object = json.loads(_read_text(file))
    except (ValueError, RecursionError) as error:
        raise Failure(f"{file} is not JSON: {str(error) or 'it nests too deeply'}.") from error
    if rule is None:
        raise Failure(f"{file} holds null; a rule is an object.")
    return rule


def _say_how_many_more(output: Output, count: int) -> None:
    if count > LINES_SHOWN:
        output.say(f"… and {count - LINES_SHOWN:,} lines more (--json lists them).")


def _import_document(report: ImportReport) -> dict[str, Any]:
    return {
        "read": report.read,
        "created": report.created,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "set_aside": report.set_aside,
        "set_aside_rows": [
            {
                "line": row.line,
                "reason": row.reason,
                "sentence": row.sentence,
                "master_customer_id": row.master_customer_id,
                "sub_customer_id": row.sub_customer_id,
            }
            for row in report.set_aside_rows
        ],
        "notes": list(report.notes),
    }


def _show_import(console: Console, report: ImportReport) -> None:
    console.print(
        f"{report.read:,} rows: {report.created:,} created, {report.updated:,} updated, "
        f"{report.unchanged:,} unchanged, {report.set_aside:,} set aside."
    )


def _list_document(found: MarketingList) -> dict[str, Any]:
    return {
        "code": found.code,
        "name": found.name,
        "members": found.member_count,
        "frequency": found.frequency,
        "last_regenerated": found.last_regenerated_at,
        "version": found.version,
        "kind": found.kind,
        "may_be_empty": found.may_be_empty,
        "modified": found.modified_at,
    }


def _saved_document(saved: MarketingList, ids: IdFile | None) -> dict[str, Any]:
    document = _list_document(saved)
    if ids is not None:
        document |= {
            "ids": saved.imported_ids.count(),
            "set_aside": ids.set_aside_count,
            "set_aside_lines": [{"line": line.line, "reason": line.reason} for line in ids.set_aside],
        }
    return document


def _show_saved(console: Console, saved: MarketingList, ids: IdFile | None) -> None:
    text = f"{saved.code} ({saved.name}) is saved: by {saved.get_kind_display()}, frequency {saved.frequency}."
    if ids is not None:
        text += f" {saved.imported_ids.count():,} ids, {ids.set_aside_count:,} lines set aside."
    if not saved.version:
        text += f" Build it with: rollkeeper crm run-job MKT510 --list {saved.code}"
    console.print(text, markup=False)


def _results(run: JobRun) -> list[dict[str, Any]]:
    return [
        {
            "list": result.list.code,
            "outcome": result.outcome,
            "reason": result.reason,
            "members": result.members,
            "added": result.added,
            "removed": result.removed,
            "seconds": result.seconds,
        }
        for result in run.results.select_related("list").order_by("list__code")
    ]


def _run_document(run: JobRun, results: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "run": run.pk,
        "job": run.job,
        "setup_code": run.setup_code_id,
        "list": run.list_code or None,
        "state": run.state,
        "message": run.message,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "results": results,
    }


def _show_run(console: Console, run: JobRun, results: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table("List", "Outcome", box=None)
    for heading in ("Members", "Added", "Removed", "Seconds"):
        table.add_column(heading, justify="right")
    for result in results:
        counts = (result["members"], result["added"], result["removed"])
        table.add_row(
            result["list"],
            result["outcome"],
            *("" if count is None else f"{count:,}" for count in counts),
            "" if result["seconds"] is None else f"{result['seconds']:.2f}",
        )
    if results:
        console.print(table)
    console.print(f"{run.job}, run {run.pk}: {run.message}", markup=False)


def _show_lists(console: Console, documents: list[dict[str, Any]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    if not documents:
        console.print("There are no lists yet. Make one with: rollkeeper crm save-list", markup=False)
        return
    table = Table("Code", "Name", box=None)
    table.add_column("Members", justify="right")
    table.add_column("Frequency")
    table.add_column("Last regenerated")
    for document in documents:
        when = document["last_regenerated"]
        table.add_row(
            document["code"],
            escape(document["name"]),
            f"{document['members']:,}" if when else "",
            document["frequency"],
            f"{when:%Y-%m-%d %H:%M}" if when else "never",
        )
    console.print(table)
