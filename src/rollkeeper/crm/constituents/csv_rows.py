"""What a constituents CSV must be (`spec`: docs/reference/constituents.md): its header and each row, checked.

Pure: a record in, a row to stage or the reason for which it is set aside out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from rollkeeper.crm.constituents.csv_records import Record
from rollkeeper.crm.constituents.models import Constituent

FIXED_HEADER = (
    "master_customer_id", "sub_customer_id", "record_type", "first_name", "last_name", "label_name",
    "email", "allow_email", "allow_solicitation", "do_not_solicit", "status",
)  # fmt: skip
FIXED_FLAGS = {"allow_email": "Y", "allow_solicitation": "Y", "do_not_solicit": "N"}  # and what empty means
DEFAULTS = {"sub_customer_id": "0", "record_type": "I", "status": "ACTIVE"}  # what empty means
ID_LIMIT = 100  # characters; the key's index must hold both ids
FIXED_LIMIT = 255
FURTHER_LIMIT = 4_000
COLUMN_NAME_LIMIT = 100
COLUMNS_LIMIT = 500  # further columns

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # what canonical text is without
NAME_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Kind(StrEnum):
    """Where a further column goes."""

    TEXT = "text"  # a text column of the constituent
    FLAG = "flag"  # a yes/no column of the constituent
    ATTRIBUTE = "attribute"


class HeaderRefused(ValueError):
    """The header is wrong: nothing was imported. The message names what is wrong."""


@dataclass(frozen=True, slots=True)
class FurtherColumn:
    """A column after the fixed ones. `if_empty`: what an empty flag means, Y or N."""

    name: str
    kind: Kind
    if_empty: str = ""


@dataclass(frozen=True, slots=True)
class SetAside:
    """A row that was not imported: its line, the reason's code, the reason in a sentence, its ids if it has any."""

    line: int
    reason: str
    sentence: str
    master_customer_id: str = ""
    sub_customer_id: str = ""


def read_header(cells: list[str]) -> tuple[FurtherColumn, ...]:
    """The further columns of a right header. Raises `HeaderRefused`."""
    for place, expected in enumerate(FIXED_HEADER):
        found = cells[place] if place < len(cells) else None
        if found != expected:
            what = "is missing" if found is None else f"is called {found!r}"
            raise HeaderRefused(
                f"The header is wrong: column {place + 1} must be {expected}, but it {what}. "
                f"The file must begin with the columns {','.join(FIXED_HEADER)}. Nothing was imported."
            )
    further = cells[len(FIXED_HEADER) :]
    for place, name in enumerate(further, start=len(FIXED_HEADER)):
        _check_name(name, place + 1, cells[:place])
    if len(further) > COLUMNS_LIMIT:
        raise HeaderRefused(
            f"The file has {len(further)} further columns; at most {COLUMNS_LIMIT} can be imported at once. "
            "Split it. Nothing was imported."
        )
    return tuple(map(further_column, further))


def further_column(name: str) -> FurtherColumn:
    """A column that the constituent has goes there; any other is an attribute."""
    flags = constituent_flags()
    if name in flags:
        return FurtherColumn(name, Kind.FLAG, flags[name])
    return FurtherColumn(name, Kind.TEXT if name in constituent_texts() else Kind.ATTRIBUTE)


def constituent_texts() -> frozenset[str]:
    """The constituent's text columns that are not in the fixed header."""
    return frozenset(_columns("TextField"))


def constituent_flags() -> dict[str, str]:
    """The constituent's yes/no columns that are not in the fixed header, and what empty means."""
    return {name: "Y" if default else "N" for name, default in _columns("BooleanField").items()}


class RowReader:
    """Checks records against a header and gives the rows to stage."""

    def __init__(self, further: tuple[FurtherColumn, ...]) -> None:
        names = [*FIXED_HEADER, *(column.name for column in further)]
        flags = FIXED_FLAGS | {column.name: column.if_empty for column in further if column.kind == Kind.FLAG}
        self._names = names
        self._flags = [(place, flags[name]) for place, name in enumerate(names) if name in flags]
        self._defaults = [(names.index(name), value) for name, value in DEFAULTS.items()]

    def row(self, record: Record) -> list[str] | SetAside:
        """The cells to stage: defaults filled in, flags Y or N, no control characters; or why not."""
        cells = record.cells
        if len(cells) != len(self._names):
            return _set_aside(
                record, "wrong_number_of_cells",
                f"has {len(cells)} cells where the header has {len(self._names)} columns",
            )  # fmt: skip
        if not cells[0].strip():
            return _set_aside(record, "missing_id", "has no master_customer_id")
        if NAME_CONTROL.search(cells[0]) or NAME_CONTROL.search(cells[1]):
            return _set_aside(record, "control_character_in_id", "has a control character in its customer id")
        if CONTROL.search(record.text):
            cells = [CONTROL.sub("", cell) for cell in cells]
        if max(map(len, cells)) > ID_LIMIT and (reason := self._too_long(cells)):
            return _set_aside(record, "value_too_long", reason)
        for place, default in self._defaults:
            cells[place] = cells[place] or default
        for place, default in self._flags:
            cells[place] = cells[place] or default
            if cells[place] not in {"Y", "N"}:
                return _set_aside(
                    record, "wrong_flag", f"has {cells[place][:30]!r} in {self._names[place]}, which takes Y or N"
                )
        return cells

    def _too_long(self, cells: list[str]) -> str | None:
        for place, cell in enumerate(cells):
            limit = ID_LIMIT if place < 2 else FIXED_LIMIT if place < len(FIXED_HEADER) else FURTHER_LIMIT
            if len(cell) > limit:
                return f"has {len(cell):,} characters in {self._names[place]}, which takes {limit:,}"
        return None


def _set_aside(record: Record, reason: str, what: str) -> SetAside:
    ids = [cell[:ID_LIMIT] for cell in [*record.cells, "", ""][:2]]
    return SetAside(record.line, reason, f"Line {record.line} {what}.", *ids)


def _check_name(name: str, place: int, before: list[str]) -> None:
    problem = None
    if not name.strip():
        problem = "has no name"
    elif name in before:
        problem = f"repeats the name {name!r}"
    elif len(name) > COLUMN_NAME_LIMIT:
        problem = f"has a name of more than {COLUMN_NAME_LIMIT} characters"
    elif NAME_CONTROL.search(name):
        problem = f"has a control character in its name, {name!r}"
    if problem:
        raise HeaderRefused(f"The header is wrong: column {place} {problem}. Nothing was imported.")


def _columns(kind: str) -> dict[str, object]:
    fields = Constituent._meta.concrete_fields  # noqa: SLF001  # documented by Django
    return {
        field.name: field.get_default()
        for field in fields
        if field.get_internal_type() == kind and field.name not in FIXED_HEADER
    }
