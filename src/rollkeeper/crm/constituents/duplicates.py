"""Who may be the same as someone about to be created: the same address, or the same name and something more.

A warning, never a refusal: two people may share an address (B14) and a name.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from rollkeeper.crm.constituents.models import Constituent

MOST = 10  # that the warning names
CANDIDATES = 500  # of the same words in their names, of whom the rest is compared
SAME = {"city": "city", "postal_code": "postal code", "organization": "organization"}


@dataclass(frozen=True, slots=True)
class Person:
    """What is known of the new one so far; empty where nothing is."""

    first_name: str = ""
    last_name: str = ""
    label_name: str = ""
    organization: str = ""
    city: str = ""
    postal_code: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Someone there already, and what is the same."""

    constituent: Constituent
    reason: str


def duplicates_of(new: Person) -> list[Duplicate]:
    """Constituents that may be the same, those of the same address first, each once."""
    reasons: dict[int, str] = {}
    for constituent_id in _of_address(new.email) if new.email else []:
        reasons.setdefault(constituent_id, "the same e-mail address")
    for constituent_id, reason in _of_name(new):
        earlier = reasons.get(constituent_id)
        reasons[constituent_id] = f"{earlier}, {reason}" if earlier else reason
    people = Constituent.objects.defer("attributes").in_bulk(list(reasons)[:MOST])
    return [Duplicate(people[pk], reason) for pk, reason in reasons.items() if pk in people]


def _of_address(email: str) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT constituent_id FROM email_address "
            'WHERE (fold_case(address) COLLATE "C") = fold_case(%s) ORDER BY 1 LIMIT %s',
            [email, MOST],
        )
        return [int(row[0]) for row in cursor.fetchall()]


def _of_name(new: Person) -> list[tuple[int, str]]:
    name = f"{new.first_name} {new.last_name}".strip() or new.label_name or new.organization
    facts = {column: getattr(new, column) for column in SAME}
    with connection.cursor() as cursor:
        cursor.execute("SELECT search_terms(%s)", [name])
        terms = cursor.fetchone()[0]
        if not terms:
            return []
        cursor.execute(_SAME_NAME, {"terms": terms, "name": name, "candidates": CANDIDATES, **facts})
        rows = cursor.fetchall()
    found: list[tuple[int, str]] = []
    for constituent_id, *same in rows:
        things = [thing for thing, is_same in zip(SAME.values(), same, strict=True) if is_same]
        if things:
            found.append((int(constituent_id), f"the same name and {' and '.join(things)}"))
        elif not any(facts.values()):
            found.append((int(constituent_id), "the same name; nothing more is known yet to tell them apart"))
    return found[:MOST]


# The longest word leads; whoever has all words is compared by the name as a whole and by the other facts.
_SAME_NAME = """
    WITH lead AS (SELECT term FROM unnest(%(terms)s::text[]) term ORDER BY length(term) DESC, term LIMIT 1),
    candidate AS MATERIALIZED (
        SELECT w.constituent_id FROM constituent_word w
        WHERE w.word = (SELECT term FROM lead) AND NOT EXISTS (
            SELECT FROM unnest(%(terms)s::text[]) term WHERE NOT EXISTS (
                SELECT FROM constituent_word o WHERE o.constituent_id = w.constituent_id AND o.word = term
            )
        ) LIMIT %(candidates)s
    )
    SELECT c.id, same.city, same.postal_code, same.organization
    FROM candidate JOIN constituent c ON c.id = candidate.constituent_id
    CROSS JOIN LATERAL (SELECT
        %(city)s <> '' AND search_terms(c.city) = search_terms(%(city)s) AS city,
        %(postal_code)s <> '' AND search_terms(c.postal_code) = search_terms(%(postal_code)s) AS postal_code,
        %(organization)s <> '' AND search_terms(c.organization) = search_terms(%(organization)s) AS organization
    ) same
    WHERE search_terms(%(name)s) IN (
        search_terms(concat_ws(' ', c.first_name, c.last_name)), search_terms(c.label_name),
        search_terms(c.organization)
    )
    ORDER BY same.city::int + same.postal_code::int + same.organization::int DESC, c.id
    LIMIT 50
"""
