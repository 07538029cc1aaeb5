"""Paging by key: a page costs the same wherever it is in a list, however long the list is.

There is no OFFSET and no count. A page's address names the key of the row that it comes after (or before), so rows
that come or go elsewhere never make a reader miss one or see one twice.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.core.exceptions import BadRequest
from django.db.models import CharField, F, Func, Model, QuerySet, TextField, Value
from django.db.models.lookups import GreaterThan, LessThan
from django.http import HttpRequest, QueryDict

PAGE_SIZE = 50
OTHER_LIST = "This page's address belongs to another list. Go back to the list and page from there."

Key = tuple[str | int, ...]
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """The rows of one page, and where the neighbouring pages are ("" where there is none)."""

    rows: Sequence[Row]
    previous_url: str
    next_url: str
    first_url: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: after a key, or (read backwards) before one; with no key at the list's beginning."""

    key: Key | None = None
    backwards: bool = False


def write_key(key: Key) -> str:
    """A key as it stands in an address."""
    text = json.dumps(key, separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_key(text: str, length: int) -> Key:
    """The key in an address: strings and integers, `length` of them. Raises `BadRequest` for anything else."""
    try:
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError) as error:
        raise BadRequest("This page's address is damaged. Go back to the list and page from there.") from error
    if not isinstance(found, list) or len(found) != length or not all(_is_part(part) for part in found):
        raise BadRequest(OTHER_LIST)
    return tuple(found)


def _is_part(part: object) -> bool:
    if isinstance(part, str):
        return "\x00" not in part and not any("\ud800" <= sign <= "\udfff" for sign in part)
    return isinstance(part, int) and not isinstance(part, bool) and abs(part) < 1 << 63


def place(request: HttpRequest, key_length: int) -> Place:
    """Which page a request asks for: `?after=` or `?before=` a key."""
    if after := request.GET.get("after"):
        return Place(read_key(after, key_length))
    if before := request.GET.get("before"):
        return Place(read_key(before, key_length), backwards=True)
    return Place()


def require_types(where: Place, types: tuple[type, ...]) -> None:
    """Raises `BadRequest` where the key in the address is another list's: number for text or text for number."""
    if where.key is not None and not all(
        isinstance(part, kind) for part, kind in zip(where.key, types, strict=True)
    ):
        raise BadRequest(OTHER_LIST)


def _is_text(rows: QuerySet[Any], name: str) -> bool:
    annotation = rows.query.annotations.get(name)
    field = annotation.output_field if annotation is not None else rows.model._meta.get_field(name)  # noqa: SLF001  # documented by Django
    return isinstance(field, CharField | TextField)


class _RowValue(Func):
    """`ROW(a, b)`: compared as a whole, so that one index over the same columns finds the place."""

    function = "ROW"
    output_field = TextField()


RowOfModel = TypeVar("RowOfModel", bound=Model)


def keyset_page(
    rows: QuerySet[RowOfModel],
    request: HttpRequest,
    key: tuple[str, ...],
    *,
    descending: bool = False,
    size: int = PAGE_SIZE,
) -> Page[RowOfModel]:
    """One page of `rows` in the order of `key`: names of columns or annotations that are never null and, together,
    unique. An index over them (after any columns that a filter fixes) makes the page's cost constant.
    """
    where = place(request, len(key))
    require_types(where, tuple(str if _is_text(rows, name) else int for name in key))
    reverse = descending != where.backwards
    ordered = rows.order_by(*[f"-{name}" if reverse else name for name in key])
    if where.key is not None:
        ordered = ordered.filter(_beyond(key, where.key, reverse))
    found = list(ordered[: size + 1])
    return page_of(found, request, where, lambda row: tuple(getattr(row, name) for name in key), size)


def _beyond(key: tuple[str, ...], values: Key, reverse: bool) -> GreaterThan | LessThan:
    columns, place = _RowValue(*map(F, key)), _RowValue(*map(Value, values))
    return LessThan(columns, place) if reverse else GreaterThan(columns, place)


def page_of(
    found: Sequence[Row], request: HttpRequest, where: Place, key_of: Any, size: int = PAGE_SIZE
) -> Page[Row]:
    """A page from up to `size` + 1 rows read from `where` on (in reverse where it is read backwards).

    `key_of` gives a row's key. For lists whose rows come from elsewhere than a query set.
    """
    more = len(found) > size
    rows = list(found[:size])
    if where.backwards:
        rows.reverse()
    has_next = where.backwards or more
    has_previous = more if where.backwards else where.key is not None
    return Page(
        rows=rows,
        previous_url=_address(request, "before", key_of(rows[0])) if rows and has_previous else "",
        next_url=_address(request, "after", key_of(rows[-1])) if rows and has_next else "",
        first_url=_address(request) if where.key is not None else "",
    )


def _address(request: HttpRequest, direction: str = "", key: Key = ()) -> str:
    """This request's address, filters kept, at another place of the list."""
    query: QueryDict = request.GET.copy()
    for name in ("after", "before"):
        query.pop(name, None)
    if direction:
        query[direction] = write_key(key)
    return f"?{query.urlencode()}"
