"""Searching subscribers: one field, three meanings, each an index away from its rows (keyset order included)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.db.models import QuerySet
from django.db.models.functions import Collate, Lower

from rollkeeper.marketing.subscribers.models import Subscriber
from rollkeeper.postgres.collation import CODE_POINT_ORDER, following

LAST_NAME_KEY = Collate(Lower("last_name"), CODE_POINT_ORDER)  # word for word the index's expression


class By(StrEnum):
    """What a search text is the beginning of."""

    CUSTOMER_ID = "customer_id"
    EMAIL = "email"
    LAST_NAME = "last_name"

    @property
    def label(self) -> str:
        return {"customer_id": "Customer id", "email": "E-mail", "last_name": "Last name"}[self.value]


@dataclass(frozen=True, slots=True)
class Search:
    """A search as it was understood. Empty text: all subscribers, by customer id."""

    text: str
    by: By


def understood(text: str, by: str = "") -> Search:
    """What a text means: with an @ an address, with a digit first a customer id, else a last name.

    `by` (a `By` value) overrules the guess.
    """
    text = text.strip()
    if by in set(By):
        return Search(text, By(by))
    if not text or text[0].isdigit():
        return Search(text, By.CUSTOMER_ID)
    return Search(text, By.EMAIL if "@" in text else By.LAST_NAME)


@dataclass(frozen=True, slots=True)
class Found:
    """The rows of a search, and the key in whose order an index gives them."""

    rows: QuerySet[Subscriber]
    key: tuple[str, ...]


def find(bridge_id: int, search: Search) -> Found:
    """Subscribers of a bridge whose e-mail, customer id or last name begins with the text, in that order."""
    rows = Subscriber.objects.filter(bridge_id=bridge_id)
    if not search.text:
        return Found(rows, ("master_customer_id", "sub_customer_id"))
    match search.by:
        case By.EMAIL:
            # Lower case as the database's column has it: of ASCII letters only.
            low = "".join(letter.lower() if letter.isascii() else letter for letter in search.text)
            return Found(_beginning(rows, "address_key", low), ("address_key", "id"))
        case By.LAST_NAME:
            named = rows.filter(last_name__isnull=False).annotate(last_name_key=LAST_NAME_KEY)
            return Found(_beginning(named, "last_name_key", _lower(search.text)), ("last_name_key", "id"))
        case By.CUSTOMER_ID:
            text = search.text
            key = ("master_customer_id", "sub_customer_id")
            master, dash, sub = text.rpartition("-")
            if dash and sub.isalnum() and rows.filter(master_customer_id=master, sub_customer_id=sub).exists():
                return Found(rows.filter(master_customer_id=master, sub_customer_id=sub), key)
            return Found(_beginning(rows, "master_customer_id", text), key)


def _lower(text: str) -> str:
    """As PostgreSQL's lower(): letter by letter, one letter for one."""
    return "".join(letter.lower()[0] for letter in text)


def _beginning(rows: QuerySet[Subscriber], column: str, prefix: str) -> QuerySet[Subscriber]:
    """Rows whose column (code-point order) begins with the prefix: a range of the index, not a pattern."""
    rows = rows.filter(**{f"{column}__gte": prefix})
    end = following(prefix)
    return rows.filter(**{f"{column}__lt": end}) if end else rows
