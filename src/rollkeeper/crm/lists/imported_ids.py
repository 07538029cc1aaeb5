"""The headerless CSV of customer ids that a list can be made of: one `master,sub` a line, UTF-8."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

LONGEST_LINE = 4_096  # bytes
LONGEST_ID = 100  # characters
SET_ASIDE_SHOWN = 1_000  # more are counted, not kept

_HEADERS = frozenset({"master", "master_customer_id", "mastercustomerid", "customer_id"})


@dataclass(frozen=True, slots=True)
class SetAsideLine:
    """A line that is no customer id, and why."""

    line: int
    reason: str


@dataclass(slots=True)
class IdFile:
    """A file of customer ids, read from the start each time it is iterated; memory does not grow with it.

    Ids are strings, kept as they are. Lines that hold none are set aside; blank lines are nothing.
    """

    path: Path
    read: int = 0
    set_aside_count: int = 0
    set_aside: list[SetAsideLine] = field(default_factory=list)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Each (master, sub). `OSError` where the file cannot be read."""
        self.read, self.set_aside_count, self.set_aside = 0, 0, []
        with self.path.open("rb") as handle:
            for number, line in enumerate(_lines(handle), start=1):
                found = _customer_id(line, first=number == 1)
                if isinstance(found, tuple):
                    self.read += 1
                    yield found
                elif found:
                    self._put_aside(number, found)

    def _put_aside(self, number: int, reason: str) -> None:
        self.set_aside_count += 1
        if len(self.set_aside) < SET_ASIDE_SHOWN:
            self.set_aside.append(SetAsideLine(number, reason))


def _lines(handle: BinaryIO) -> Iterator[bytes | None]:
    """The lines without their ends; None for one that is too long."""
    while line := handle.readline(LONGEST_LINE):
        if len(line) < LONGEST_LINE or line.endswith(b"\n"):
            yield line.rstrip(b"\r\n")
            continue
        while (rest := handle.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
            pass
        yield None


def _customer_id(line: bytes | None, *, first: bool) -> tuple[str, str] | str:
    """The id on a line; or the reason why there is none, empty for a blank line."""
    if line is None:
        return f"the line is longer than {LONGEST_LINE} bytes"
    try:
        text = line.decode("utf-8-sig" if first else "utf-8")
    except UnicodeDecodeError:
        return "the line is not UTF-8"
    if not text.strip():
        return ""
    try:
        columns = next(csv.reader([text], strict=True))
    except csv.Error:
        return "the quotes do not match"
    if len(columns) != 2:
        return f"there are {len(columns)} columns, not the two of master,sub"
    master, sub = columns
    if first and master.strip().lower() in _HEADERS:
        return "this is a header; the file has none"
    return _wrong_id("master", master) or _wrong_id("sub", sub) or (master, sub)


def _wrong_id(name: str, value: str) -> str:
    if not value.strip():
        return f"the {name} customer id is missing"
    if len(value) > LONGEST_ID:
        return f"the {name} customer id is longer than {LONGEST_ID} characters"
    if not value.isprintable():
        return f"the {name} customer id holds a control character"
    return ""
