"""The query options of a request: which properties, which rows, in which order, how many."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from rollkeeper.crm.data_service.entities import Entity, Property
from rollkeeper.crm.data_service.errors import Refusal, bad_request

PAGE_ROWS = 1_000  # rows an answer, unless the client prefers fewer or more
MOST_PAGE_ROWS = 5_000
HIGHEST_NUMBER = 2**31 - 1

COLLECTION_OPTIONS = frozenset(
    {"$select", "$filter", "$orderby", "$top", "$skip", "$count", "$skiptoken", "$format"}
)
ENTITY_OPTIONS = frozenset({"$select", "$format"})
COUNT_OPTIONS = frozenset({"$filter"})
NOT_IMPLEMENTED = frozenset({"$expand", "$search", "$apply", "$compute", "$levels", "$deltatoken", "$index"})
_MAX_PAGE_SIZE = re.compile(r"(?:^|[,;\s])(?:odata\.)?maxpagesize\s*=\s*\"?(\d{1,9})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Order:
    """One term of the order: a property, ascending or descending."""

    property: Property
    descending: bool = False


@dataclass(frozen=True, slots=True)
class After:
    """Where the next page begins: the order values, as text, of the last row of the page before.

    `tracked`: the change token of the first page, where a delta link is wanted after the last.
    """

    values: tuple[str | None, ...]
    version: str
    tracked: str | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """What a request for a collection asks. `order` ends with the key, so that it is total."""

    select: tuple[Property, ...]
    order: tuple[Order, ...]
    filter: str | None = None
    top: int | None = None
    skip: int = 0
    count: bool = False
    after: After | None = None
    selected_all: bool = True


def collection_options(given: Mapping[str, str], entity: Entity) -> Options:
    """Read the options for a collection of this entity. Raises a `Refusal` that names the wrong one."""
    known_options(given, COLLECTION_OPTIONS)
    order = _order(given.get("$orderby"), entity)
    count = given.get("$count", "false")
    if count not in {"true", "false"}:
        raise bad_request(f"$count is true or false, not {count[:40]!r}.")
    token = given.get("$skiptoken")
    return Options(
        select=selected(given.get("$select"), entity),
        order=order,
        filter=given.get("$filter"),
        top=_number(given, "$top"),
        skip=_number(given, "$skip") or 0,
        count=count == "true",
        after=None if token is None else _read_token(token, len(order)),
        selected_all=given.get("$select", "*").strip() == "*",
    )


def known_options(given: Mapping[str, str], known: frozenset[str]) -> None:
    """Refuse what this address does not know: an option that was passed over would give wrong rows."""
    for name in given:
        if name in NOT_IMPLEMENTED - known:
            raise Refusal(501, "NotImplemented", f"This service does not have the option {name}.")
        if name not in known:
            choice = ", ".join(sorted(known))
            raise bad_request(f"The option {name[:80]!r} is not known here; known are {choice}.")


def selected(text: str | None, entity: Entity) -> tuple[Property, ...]:
    """The properties of `$select`, in the entity's order; all of them without it."""
    if text is None or text.strip() == "*":
        return entity.properties
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name != "*" and entity.find(name) is None:
            raise bad_request(f"$select: {entity.name} has no property {name[:80]!r}.")
    return tuple(found for found in entity.properties if "*" in names or found.name in names)


def page_rows(prefer: str) -> int:
    """How many rows a page has, after the Prefer header's `odata.maxpagesize`."""
    match = _MAX_PAGE_SIZE.search(prefer)
    return min(max(int(match[1]), 1), MOST_PAGE_ROWS) if match else PAGE_ROWS


def token_text(after: After) -> str:
    """The `$skiptoken` of a next page."""
    state = after.version if after.tracked is None else [after.version, after.tracked]
    text = json.dumps([state, *after.values], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_token(token: str, terms: int) -> After:
    """The token that `token_text` gave; its values are used as parameters only, so it needs no seal."""
    refusal = bad_request("$skiptoken is not one that this service gave out: follow @odata.nextLink as it is.")
    try:
        padded = token + "=" * (-len(token) % 4)
        found = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise refusal from error
    if not isinstance(found, list) or len(found) != terms + 1:
        raise refusal
    state = found[0] if isinstance(found[0], list) else [found[0], None]
    if not (len(state) == 2 and isinstance(state[0], str) and (state[1] is None or isinstance(state[1], str))):
        raise refusal
    if any(not (value is None or isinstance(value, str)) or "\0" in (value or "") for value in found[1:]):
        raise refusal
    return After(tuple(found[1:]), *state)


def _order(text: str | None, entity: Entity) -> tuple[Order, ...]:
    terms: dict[str, Order] = {}
    for term in text.split(",") if text is not None else []:
        words = term.split()
        if not 1 <= len(words) <= 2 or words[1:] not in ([], ["asc"], ["desc"]):
            raise bad_request(f"$orderby: {term.strip()[:80]!r} is not a property with asc or desc.")
        found = entity.find(words[0])
        if found is None:
            raise bad_request(f"$orderby: {entity.name} has no property {words[0][:80]!r}.")
        terms.setdefault(found.name, Order(found, words[1:] == ["desc"]))
    for name in entity.key:
        key = entity.find(name)
        assert key is not None, "a key is a property"  # noqa: S101  # a rule of `entities.py`
        terms.setdefault(name, Order(key))
    return tuple(terms.values())


def _number(given: Mapping[str, str], name: str) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= HIGHEST_NUMBER):
        raise bad_request(f"{name} is a whole number from 0 to {HIGHEST_NUMBER}, not {text[:40]!r}.")
    return int(text)
