"""`rollkeeper why`: one person and one target group."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from rollkeeper.cli.frame import Exit, Output, json_option
from rollkeeper.cli.sync_run import crm_hint
from rollkeeper.cli.target_group import find_group

if TYPE_CHECKING:
    from rich.console import Console

MARKS = {True: "yes", False: "no", None: "not known"}


@click.command()
@click.argument("code")
@click.argument("customer_id")
@click.argument("sub_id", default="0")
@json_option
@click.pass_obj
def why(output: Output, code: str, customer_id: str, sub_id: str) -> Exit:
    """Is the person CUSTOMER_ID (and SUB_ID, usually 0) in the target group of the list CODE, and why.

    The CRM site is asked too. When it does not answer, the rest is shown all the same and the exit code is 4.
    """
    from rollkeeper.cli.database import enter

    enter("marketing")
    from rollkeeper.marketing.target_groups import why_facts
    from rollkeeper.marketing.target_groups.why import explain

    group = find_group(code)
    facts = why_facts.find(group, customer_id, sub_id)
    found = explain(facts)

    def show(console: Console) -> None:
        where = "in" if found.is_in else "not in"
        mail = "mail reaches" if found.receives else f"no mail reaches ({found.reason})"
        console.print(f"{customer_id}-{sub_id} is {where} the target group {code}; {mail} this person.")
        for step in found.steps:
            console.print(f"  {step.question:<48} {MARKS[step.answer]:<10} {step.detail}")

    document = {
        "list": code,
        "master_customer_id": customer_id,
        "sub_customer_id": sub_id,
        "in": found.is_in,
        "receives": found.receives,
        "reason": found.reason,
        "status": facts.subscriber.status if facts.subscriber else None,
        "steps": [asdict(step) for step in found.steps],
    }
    if facts.source is None:
        output.say(f"{facts.source_error}{crm_hint(group.bridge)}")
    output.answer(document, show)
    return Exit.SOURCE if facts.source is None else Exit.DONE
