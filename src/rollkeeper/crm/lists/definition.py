"""What a list is made of: a rule, a query, imported ids or other lists. All is checked before any is kept."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable

from django.db import connection, transaction
from django.utils import timezone

from rollkeeper.crm.audit.models import Action
from rollkeeper.crm.audit.record import Value, differences, record
from rollkeeper.crm.lists.errors import ListRefused, RuleError
from rollkeeper.crm.lists.models import DefinitionKind, Frequency, MarketingList
from rollkeeper.crm.lists.parts import Merge, save_parts
from rollkeeper.crm.lists.rules.attributes import field_catalogue
from rollkeeper.crm.lists.rules.selection import select_by_rule
from rollkeeper.crm.lists.sql_wall import check_sql

CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}")
LONGEST_NAME = 200
LONGEST_KEPT = 1_000  # characters of a definition in the change log
SUBJECT = "marketing_list"  # of the change log

CustomerIds = Iterable[tuple[str, str]]


def save_list(
    code: str,
    name: str | None,
    *,
    rule: object = None,
    sql: str | None = None,
    ids: CustomerIds | None = None,
    merge: Merge | None = None,
    frequency: str | None = None,
    may_be_empty: bool | None = None,
    is_new: bool = False,
    author: str = "",
    origin: str = "",
) -> MarketingList:
    """Create the list of that code, or change it; with `is_new` only create it.

    One definition at most: `rule` (react-querybuilder's JSON), `sql` (a query behind the walls of
    `sql_wall`), `ids` (pairs of master and sub, read once) or `merge` (codes of other lists). A new list
    needs one, and a name; a list that is there keeps whatever is None. `modified_at` moves only when the
    definition really changes; the members change when a job regenerates the list (S15).
    With an `author` the change log keeps what changed (B22); without one it is the sample's own list.

    Raises `ListRefused`; nothing is written then.
    """
    kind = _one_kind(rule, sql, ids, merge)
    check_code(code)
    options = _checked_options(name, frequency, may_be_empty)
    check_definition(rule=rule, sql=sql)
    with transaction.atomic():
        marketing_list = _locked(code, kind, is_new)
        before = {} if marketing_list.pk is None else list_facts(marketing_list)
        _set_options(marketing_list, options)
        changed = _define(marketing_list, kind, rule, sql)
        marketing_list.save()
        changed = _define_members(marketing_list, ids, merge, changed=changed)
        if changed:
            marketing_list.modified_at = timezone.now()
            marketing_list.save(update_fields=["modified_at"])
        if author:
            _log(marketing_list, before, author, origin)
    marketing_list.refresh_from_db()
    return marketing_list


def _set_options(marketing_list: MarketingList, options: dict[str, object]) -> None:
    for option, value in options.items():
        setattr(marketing_list, option, value)
    if not marketing_list.name:
        raise ListRefused(f"There is no list {marketing_list.code} yet, so it needs a name.")


def _log(marketing_list: MarketingList, before: dict[str, Value], author: str, origin: str) -> None:
    """Keep what a person changed; `before` is empty where the list is new."""
    action = Action.CHANGED if before else Action.CREATED
    changes = differences(before, list_facts(marketing_list))
    record(SUBJECT, marketing_list.code, author, origin, changes, action=action)


def list_facts(marketing_list: MarketingList) -> dict[str, Value]:
    """What a person decides of a list, as the change log has it (B22); a long definition cut short."""
    match marketing_list.kind:
        case DefinitionKind.RULE:
            definition = json.dumps(marketing_list.rule, ensure_ascii=False)
        case DefinitionKind.SQL:
            definition = marketing_list.sql
        case DefinitionKind.IDS:
            definition = f"{marketing_list.imported_ids.count():,} customer ids"
        case _:
            parts = marketing_list.parts.order_by("role", "part__code").values_list("role", "part__code")
            definition = "; ".join(f"{role}: {code}" for role, code in parts)
    if len(definition) > LONGEST_KEPT:
        digest = hashlib.sha256(definition.encode()).hexdigest()[:12]
        definition = f"{definition[:LONGEST_KEPT]}… ({len(definition):,} characters, SHA-256 {digest}…)"
    return {
        "name": marketing_list.name,
        "kind": marketing_list.kind,
        "definition": definition,
        "frequency": str(marketing_list.frequency),
        "may_be_empty": marketing_list.may_be_empty,
    }


def check_definition(*, rule: object = None, sql: str | None = None) -> None:
    """Raises `ListRefused` where the rule or the query that is given cannot define a list."""
    if rule is not None:
        check_rule(rule)
    if sql is not None:
        check_sql(sql)


def check_rule(rule: object) -> None:
    """Raises `RuleError` where the rule cannot define a list."""
    select_by_rule(rule, field_catalogue(), timezone.localdate())
    try:
        text = json.dumps(rule, allow_nan=False, ensure_ascii=False)
        text.encode()
    except (ValueError, TypeError) as error:
        raise RuleError("The rule holds something that JSON does not know (NaN, Infinity, half a sign).") from error
    if "\\u0000" in text:
        raise RuleError("The rule holds the control character U+0000.")


def _one_kind(rule: object, sql: str | None, ids: CustomerIds | None, merge: Merge | None) -> DefinitionKind | None:
    given = [
        kind
        for kind, definition in (
            (DefinitionKind.RULE, rule),
            (DefinitionKind.SQL, sql),
            (DefinitionKind.IDS, ids),
            (DefinitionKind.MERGE, merge),
        )
        if definition is not None
    ]
    if len(given) > 1:
        raise ListRefused("A list has one definition: give a rule, a query, ids or a merge, not two of them.")
    return given[0] if given else None


def check_code(code: str) -> None:
    """Raises `ListRefused` where it cannot be a list's code."""
    if not CODE.fullmatch(code):
        raise ListRefused(
            f"{code!r} cannot be a list's code: 1 to 60 letters (A-Z, a-z), digits, '_', '-' or '.', "
            "with a letter or digit first."
        )


def _checked_options(name: str | None, frequency: str | None, may_be_empty: bool | None) -> dict[str, object]:
    """Those that are to be set, each checked."""
    given = {
        "name": None if name is None else checked_name(name),
        "frequency": None if frequency is None else _checked_frequency(frequency),
        "may_be_empty": may_be_empty,
    }
    return {option: value for option, value in given.items() if value is not None}


def checked_name(name: str) -> str:
    """A list's name without blanks around it. Raises `ListRefused` where it cannot be one."""
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise ListRefused(
            f"A list needs a name of 1 to {LONGEST_NAME} characters, without line breaks or control characters."
        )
    return name


def _checked_frequency(frequency: str) -> Frequency:
    if frequency not in Frequency.values:
        raise ListRefused(
            f"{frequency!r} is no regeneration frequency. Frequencies are {', '.join(Frequency.values)}."
        )
    return Frequency(frequency)


def _locked(code: str, kind: DefinitionKind | None, is_new: bool) -> MarketingList:
    """The list of that code, or a new one, with no one else saving it meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"list code {code}"])
    found = MarketingList.objects.select_for_update(no_key=True).filter(code=code).first()
    if found is not None and is_new:
        raise ListRefused(f"There is a list {code} already. Choose another code, or change that one.")
    if found is not None:
        return found
    if kind is None:
        raise ListRefused(
            f"There is no list {code} yet, so it needs a definition: a rule, a query, ids or a merge."
        )
    return MarketingList(code=code, kind=kind)


def _define(marketing_list: MarketingList, kind: DefinitionKind | None, rule: object, sql: str | None) -> bool:
    """Set the definition. Whether it differs from the one before (of ids, only that they are ids)."""
    if kind is None:
        return False
    new = (kind.value, rule, sql or "")
    changed = (marketing_list.kind, marketing_list.rule, marketing_list.sql) != new
    marketing_list.kind, marketing_list.rule, marketing_list.sql = new
    return changed


def _define_members(
    marketing_list: MarketingList, ids: CustomerIds | None, merge: Merge | None, *, changed: bool
) -> bool:
    """Keep the ids or parts that are given; forget those of another kind. Whether the definition has changed."""
    if ids is not None:
        changed = _replace_ids(marketing_list, ids) or changed
    elif changed:
        marketing_list.imported_ids.all().delete()
    if merge is not None:
        return save_parts(marketing_list, merge) or changed
    if changed:
        marketing_list.parts.all().delete()
    return changed


def _replace_ids(marketing_list: MarketingList, ids: CustomerIds) -> bool:
    """Keep exactly these ids. Whether they differ from those before."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS given_id")
        cursor.execute('CREATE TEMP TABLE given_id (master text COLLATE "C", sub text COLLATE "C") ON COMMIT DROP')
        with cursor.copy("COPY given_id (master, sub) FROM STDIN") as copy:
            for customer_id in ids:
                copy.write_row(customer_id)
        cursor.execute("ANALYZE given_id")
        cursor.execute("SELECT EXISTS (SELECT 1 FROM given_id)")
        row = cursor.fetchone()
        if not (row and row[0]):
            raise ListRefused("There is no customer id in what was given: a list of ids needs at least one.")
        cursor.execute(DELETE_IDS, [marketing_list.pk])
        deleted = cursor.rowcount
        cursor.execute(INSERT_IDS, [marketing_list.pk])
        return bool(deleted + cursor.rowcount)


DELETE_IDS = """
DELETE FROM list_imported_id i WHERE list_id = %s AND NOT EXISTS (
    SELECT 1 FROM given_id g WHERE g.master = i.master_customer_id AND g.sub = i.sub_customer_id)
"""
INSERT_IDS = """
INSERT INTO list_imported_id (list_id, master_customer_id, sub_customer_id)
SELECT DISTINCT %s, master, sub FROM given_id ON CONFLICT DO NOTHING
"""
