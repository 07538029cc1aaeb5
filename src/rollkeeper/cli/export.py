"""`rollkeeper export-group`: the subscribers of a target group as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from rollkeeper.cli.frame import Failure, Output, json_option
from rollkeeper.cli.target_group import find_group

if TYPE_CHECKING:
    from rollkeeper.table_file import Format


@click.command(name="export-group")
@click.argument("code")
@click.option("--format", "form", type=click.Choice(["csv", "parquet"]), default="csv", show_default=True)
@click.option(
    "-o",
    "--output",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The file to write.",
)
@click.option(
    "--as-of",
    "run_id",
    type=click.IntRange(min=1),
    metavar="RUN",
    help="The audience as that sync run left it (`rollkeeper runs` has the numbers).",
)
@json_option
@click.pass_obj
def export_group(output: Output, code: str, form: str, path: Path, run_id: int | None) -> None:
    """Write the subscribers of the target group of the list CODE, ascending by customer id, each with its status.

    The file appears whole or not at all.
    """
    from rollkeeper.cli.database import enter

    enter("marketing")
    from rollkeeper.marketing.target_groups import export
    from rollkeeper.marketing.target_groups.as_of import PastUnknown

    group = find_group(code)
    try:
        with output.progress(f"Exporting {code}"):
            if run_id is None:
                rows = export.export_group(group, cast("Format", form), path)
            else:
                rows = export.export_group_as_of(group, run_id, cast("Format", form), path)
    except PastUnknown as error:
        raise Failure(str(error)) from error
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror or error}.") from error
    then = f" as of run {run_id}" if run_id else ""
    output.answer(
        {"list": code, "format": form, "file": str(path), "rows": rows, "as_of_run": run_id},
        lambda console: console.print(f"{rows:,} subscribers of {code}{then} are in {path}."),
    )
