"""OData's delta links for the members of a list: what changed since a first answer, as JSON (B2, B18).

The first answer is asked for with `Prefer: odata.track-changes`; its last page has an `@odata.deltaLink`. That link
answers what changed and has a next delta link. Pages of one answer are read at different times, so the link that
follows them holds the token of the first page: what changed while the pages were read comes again.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from urllib.parse import quote

import pyarrow as pa

from rollkeeper.crm.data_service.entities import Edm, Entity, Property
from rollkeeper.crm.data_service.errors import Refusal, bad_request
from rollkeeper.crm.data_service.member_response import read_key, refusals
from rollkeeper.crm.data_service.members import open_members
from rollkeeper.crm.data_service.options import known_options, selected
from rollkeeper.sync.connector import Key, Mode

OPTIONS = frozenset({"$deltatoken", "$select", "$skiptoken", "$format"})
REASONS = {"left": "changed", "deleted": "deleted"}  # in OData's words


@dataclass(frozen=True, slots=True)
class Changes:
    """One page of changes. `following`: the options of the link that goes on; `is_last`: it is a delta link."""

    values: list[str]
    select: tuple[Property, ...]
    following: dict[str, str]
    is_last: bool


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the next page of an answer begins, and which token follows the last one."""

    after: Key
    token: str


def wants_changes_tracked(prefer: str) -> bool:
    """Whether the Prefer header asks for a delta link."""
    return any(part.strip().lower() in {"odata.track-changes", "track-changes"} for part in prefer.split(","))


def changes_page(code: str, entity: Entity, given: Mapping[str, str], root: str, most: int) -> Changes:
    """The changes of a list since `$deltatoken`, at most so many. Raises `Refusal`: 410 for a token of no use."""
    known_options(given, OPTIONS)
    select = selected(given.get("$select"), entity)
    place = _read_place(given["$skiptoken"]) if "$skiptoken" in given else None
    with refusals(), open_members(code, since=given["$deltatoken"]) as members:
        if members.opening.mode is Mode.FULL:
            raise Refusal(
                410, "Gone", "What changed since this link was given out is not known. Read the list anew."
            )
        later = (row for row in _rows(members.batches()) if place is None or _key(row) > place.after)
        page = list(islice(later, most + 1))
    token = place.token if place is not None else members.facts.token
    is_last = len(page) <= most
    values = [_value(code, entity, select, row, root) for row in page[:most]]
    if is_last:
        options = {"$deltatoken": token}
    else:
        last = page[most - 1]
        options = {
            "$deltatoken": given["$deltatoken"],
            "$skiptoken": _place_text(_Place(_key(last), token)),
        }
    narrowed = {"$select": given["$select"]} if "$select" in given else {}
    return Changes(values, select, narrowed | options, is_last)


def _rows(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[object, ...]]:
    for batch in batches:
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _key(row: tuple[object, ...]) -> Key:
    return str(row[0]), str(row[1])


def _value(code: str, entity: Entity, select: Sequence[Property], row: tuple[object, ...], root: str) -> str:
    """A member as it is now, or a deleted entity, as JSON text."""
    removed = row[-1]
    if removed is None:
        values = dict(zip((found.name for found in entity.properties), row, strict=False))
        parts = (f'"{found.name}":{_json(found.type, values[found.name])}' for found in select)
        return "{" + ",".join(parts) + "}"
    listed = f"MarketingLists({_quoted(code)})/Members"
    key = f"MasterCustomerId={_quoted(str(row[0]))},SubCustomerId={_quoted(str(row[1]))}"
    return json.dumps(
        {
            "@odata.context": f"{root}$metadata#{listed}/$deletedEntity",
            "id": f"{root}{listed}({key})",
            "reason": REASONS[str(removed)],
        }
    )


def _json(type_: Edm, value: object) -> str:
    """A value of a member, which is canonical text but for the permission, as OData's JSON."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if type_ is Edm.BOOLEAN:
        return json.dumps(value == "Y")
    return str(value) if type_ in {Edm.INTEGER, Edm.DECIMAL} else json.dumps(value, ensure_ascii=False)


def _quoted(text: str) -> str:
    """A string in an address: in quotes, those inside doubled, percent-encoded."""
    return "'" + quote(text.replace("'", "''"), safe="") + "'"


def _place_text(place: _Place) -> str:
    text = json.dumps([place.token, *place.after], ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_place(text: str) -> _Place:
    refusal = bad_request("$skiptoken is not one that this service gave out: follow @odata.nextLink as it is.")
    try:
        found = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise refusal from error
    match found:
        case [str(token), master, sub]:
            return _Place(read_key([master, sub]), token)
    raise refusal
