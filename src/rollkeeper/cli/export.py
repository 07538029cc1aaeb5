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
@json_option
@click.pass_obj
def export_group(output: Output, code: str, form: str, path: Path) -> None:
    """Write the subscribers of the target group of the list CODE, ascending by customer id, each with its status.

    The file appears whole or not at all.
    """
    from rollkeeper.cli.database import enter

    enter("marketing")
    from rollkeeper.marketing.target_groups import export

    group = find_group(code)
    try:
        with output.progress(f"Exporting {code}"):
            rows = export.export_group(group, cast("Format", form), path)
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror or error}.") from error
    output.answer(
        {"list": code, "format": form, "file": str(path), "rows": rows},
        lambda console: console.print(f"{rows:,} subscribers of {code} are in {path}."),
    )
