"""`rollkeeper purge`: drop what is kept for a time only, once its time is over."""

from __future__ import annotations

import click

from rollkeeper.cli.frame import Output, json_option


@click.command()
@click.option(
    "--months",
    type=click.IntRange(min=1, max=1200),
    help="For how many months changes are kept (default: ROLLKEEPER_HISTORY_MONTHS; without it, for ever).",
)
@json_option
@click.pass_obj
def purge(output: Output, months: int | None) -> None:
    """Drop what sync runs changed longer ago than history is kept.

    Audiences as of runs before that cannot be asked for any more. Runs with their counts, subscribers and
    opt-outs stay.
    """
    from rollkeeper.cli.database import enter
    from rollkeeper.configuration import configuration

    months = months or configuration().history_months
    if months is None:
        output.answer(
            {"months": None, "runs": 0, "changes": 0},
            lambda console: console.print("History is kept for ever: ROLLKEEPER_HISTORY_MONTHS is not set."),
        )
        return
    enter("marketing")
    from django.utils import timezone

    from rollkeeper.marketing.sync_runs.old_history import drop_older

    with output.progress(f"Dropping what changed more than {months} months ago"):
        dropped = drop_older(months, timezone.now())
    output.answer(
        {"months": months, "runs": dropped.runs, "changes": dropped.changes},
        lambda console: console.print(f"{dropped.changes:,} changes of {dropped.runs:,} runs were dropped."),
    )
