"""Reading records: as Python's csv module does where the file is well formed, and never more lost than a line."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from rollkeeper.crm.constituents.csv_records import Record, Unreadable, records

CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12) | st.sampled_from(
    ['"', "a,b", "\r\n", "\n\n", "\r", '""', "🎉", "\u2028", "\x1e"]
)
ROWS = st.integers(2, 4).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=8)
)


def read(raw: bytes) -> list[Record | Unreadable]:
    return list(records(io.BytesIO(raw)))


@given(rows=ROWS, end=st.sampled_from(["\n", "\r\n"]), mark=st.sampled_from([b"", b"\xef\xbb\xbf"]))
def test_well_formed_records_come_whole_with_their_first_lines(
    rows: list[list[str]], end: str, mark: bytes
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator=end)
    lines = []
    for row in rows:
        lines.append(text.getvalue().count("\n") + 1)
        writer.writerow(row)
    found = read(mark + text.getvalue().encode())
    assert [(one.line, one.cells) for one in found if isinstance(one, Record)] == list(
        zip(lines, rows, strict=True)
    )
    assert len(found) == len(rows)


@given(junk=st.lists(st.sampled_from([b'"', b",", b"\n", b"\r", b"\0", b"\xff", b"a", "é".encode()]), max_size=60))
def test_no_bytes_make_it_fail_and_good_lines_after_them_are_read(junk: list[bytes]) -> None:
    found = read(b"id,name\n" + b"".join(junk) + b'\n1,good\n2,"better"\n')
    numbers = [one.line for one in found]
    assert numbers == sorted(set(numbers))
    cells = [one.cells for one in found if isinstance(one, Record)]
    assert cells[0] == ["id", "name"]
    assert cells[-2:] == [["1", "good"], ["2", "better"]]


def test_a_line_without_an_end_is_not_held_in_memory() -> None:
    [found] = read(b"x" * 5_000_000)
    assert isinstance(found, Unreadable)
    assert found.reason == "value_too_long"
