"""`rollkeeper crm verify`: whether the facts that the CRM keeps of its lists are those of their rows (B1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rollkeeper.cli.frame import Exit, Failure, Output, json_option

if TYPE_CHECKING:
    from rich.console import Console


@click.command("verify")
@click.option("--list", "code", help="Only the list of this code.")
@click.option("--repair", is_flag=True, help="Build every member's row anew and keep the facts as computed.")
@json_option
@click.pass_obj
def verify(output: Output, code: str | None, repair: bool) -> Exit:
    """Compute members and fingerprint of each list from its rows, and compare them with those kept.

    Exit code 1 where a list differs and was not repaired.
    """
    from rollkeeper.cli.database import enter

    enter("crm")
    from rollkeeper.crm.changes.present import ListNotBuilt, NoSuchList
    from rollkeeper.crm.changes.verify import built_codes
    from rollkeeper.crm.changes.verify import verify as verify_list

    found = []
    for each in built_codes() if code is None else [code]:
        with output.progress(f"Verifying {each}"):
            try:
                found.append(verify_list(each, repair=repair))
            except (NoSuchList, ListNotBuilt) as error:
                raise Failure(str(error)) from error
    documents = [each.document() for each in found]
    output.answer({"lists": documents}, lambda console: _show(console, documents))
    differs = any(not each.is_identical and not each.repaired for each in found)
    return Exit.FAILED if differs else Exit.DONE


def _show(console: Console, documents: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table("List", box=None)
    table.add_column("Members", justify="right")
    table.add_column("Fingerprint")
    table.add_column("Kept facts")
    for document in documents:
        computed = document["computed"]
        state = "identical" if document["identical"] else "repaired" if document["repaired"] else "DIFFERENT"
        if document["rebuilt_rows"]:
            state += f", {document['rebuilt_rows']:,} rows built anew"
        table.add_row(document["list"], f"{computed['members']:,}", computed["fingerprint"], state)
    console.print(table)
