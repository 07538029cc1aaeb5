"""What a rule finds while one builds it: how many, and a few of them. Nothing is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.crm.lists.errors import RuleError
from rollkeeper.crm.lists.rules.attributes import field_catalogue
from rollkeeper.crm.lists.rules.selection import select_by_rule

SAMPLE = 10  # people that are shown (issue 4)
LIMIT = "SELECT set_config('statement_timeout', %s, true)"
SECONDS = 5  # a count that takes longer is given up: one is still building


@dataclass(frozen=True, slots=True)
class Result:
    """`count` None: `problem` says why there is none."""

    count: int | None
    sample: tuple[Constituent, ...] = ()
    problem: str = ""


def result(rule: object, today: date, *, seconds: float = SECONDS) -> Result:
    """Whom the rule would choose today: their number, and the first ten by customer number of the database."""
    try:
        selection = select_by_rule(rule, field_catalogue(), today)
    except RuleError as error:
        return Result(None, problem=str(error))
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('statement_timeout')")
            before = cursor.fetchone()[0]
            cursor.execute(LIMIT, [str(int(seconds * 1000))])
            counting = f"SELECT count(*) FROM ({selection.sql}) AS s"  # noqa: S608  # built from the catalogue alone
            cursor.execute(counting, selection.parameters)
            count = int(cursor.fetchone()[0])
            cursor.execute(f"{selection.sql} ORDER BY c.id LIMIT {SAMPLE}", selection.parameters)
            ids = [row[0] for row in cursor.fetchall()]
            cursor.execute(LIMIT, [before])
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        return Result(None, problem=f"To count takes longer than {seconds:g} seconds: the rule can be saved.")
    people = Constituent.objects.defer("attributes").in_bulk(ids)
    return Result(count, tuple(people[each] for each in ids if each in people))
