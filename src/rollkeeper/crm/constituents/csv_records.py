"""A CSV file's records, one by one, with their line numbers: bytes in, lists of cells out.

What cannot be read costs its own line only: a quote that is never closed does not swallow the rest of
the file. Memory holds one record.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

RECORD_LIMIT = 1_000_000  # bytes of one record; what is longer is no row of a person
LINES_LIMIT = 1_000  # lines of one record


@dataclass(frozen=True, slots=True)
class Record:
    """A record that could be read. `line` is its first line, counted from 1."""

    line: int
    cells: list[str]
    text: str  # as it stands in the file


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line that is no record: `reason` is its code, `sentence` says it to a person."""

    line: int
    reason: str
    sentence: str


def records(file: BinaryIO) -> Iterator[Record | Unreadable]:
    """Every record of the file but empty lines; the header is one of them. A byte order mark is skipped."""
    lines = _Lines(file)
    width: int | None = None  # cells of the first record
    while (first := lines.next()) is not None:
        number, raw = first
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        if not raw.strip(b"\r\n"):
            continue
        found = _record(number, raw) if raw.count(b'"') % 2 == 0 else _across_lines(number, raw, lines, width)
        if width is None and isinstance(found, Record):
            width = len(found.cells)
        yield found


def _across_lines(number: int, raw: bytes, lines: _Lines, width: int | None) -> Record | Unreadable:
    """A record that begins with an open quote: with the lines up to the one that closes it.

    Where that makes no record of the right width, the quote was a stray one: only its own line is lost.
    """
    rest = _until_closed(lines, len(raw))
    found = _record(number, b"".join([raw, *(line for _, line in rest)]))
    stray = found.reason == "unreadable" if isinstance(found, Unreadable) else width not in {None, len(found.cells)}
    if not stray:
        return found
    lines.give_back(rest)
    return Unreadable(number, "unreadable", f"Line {number} opens a quote that is not closed. Look at its quotes.")


def _record(number: int, raw: bytes) -> Record | Unreadable:
    if len(raw) > RECORD_LIMIT:
        return Unreadable(number, "value_too_long", f"Line {number} is longer than {RECORD_LIMIT:,} bytes.")
    if b"\0" in raw:
        return Unreadable(number, "nul_character", f"Line {number} holds a NUL character. Take it out.")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        return Unreadable(
            number, "not_utf8",
            f"Line {number} holds bytes that are not UTF-8 (the first is 0x{raw[error.start]:02x}). "
            "Save the file as UTF-8.",
        )  # fmt: skip
    try:
        return Record(number, next(csv.reader([text], strict=True)), text)
    except csv.Error as error:
        if "field larger" in str(error):
            return Unreadable(
                number, "value_too_long", f"Line {number} has a value of more than 131,072 characters."
            )
        return Unreadable(
            number, "unreadable", f"Line {number} cannot be read as CSV ({error}). Look at its quotes."
        )


def _until_closed(lines: _Lines, length: int) -> list[tuple[int, bytes]]:
    """The lines up to the one that closes the open quote; none (all given back) if none does in reach."""
    taken: list[tuple[int, bytes]] = []
    while length <= RECORD_LIMIT and len(taken) < LINES_LIMIT and (line := lines.next()) is not None:
        taken.append(line)
        length += len(line[1])
        if line[1].count(b'"') % 2 == 1:
            return taken
    lines.give_back(taken)
    return []


class _Lines:
    """A file's lines with their numbers, some of which can be given back to be read again.

    Of a line beyond `RECORD_LIMIT` only as much is kept as tells that it is too long.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._number = 0
        self._returned: deque[tuple[int, bytes]] = deque()

    def next(self) -> tuple[int, bytes] | None:
        if self._returned:
            return self._returned.popleft()
        line = self._file.readline(RECORD_LIMIT + 1)
        if not line:
            return None
        self._number += 1
        piece = line
        while len(piece) > RECORD_LIMIT and not piece.endswith(b"\n"):
            piece = self._file.readline(RECORD_LIMIT + 1)
        return self._number, line

    def give_back(self, lines: list[tuple[int, bytes]]) -> None:
        self._returned.extendleft(reversed(lines))
