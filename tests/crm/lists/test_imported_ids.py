"""The CSV of customer ids: every line is an id or is set aside with its reason."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from rollkeeper.crm.lists.imported_ids import IdFile


@pytest.fixture
def written(tmp_path: Path):
    def write(content: bytes) -> IdFile:
        path = tmp_path / "ids.csv"
        path.write_bytes(content)
        return IdFile(path)

    return write


def test_ids_are_strings_kept_as_they_are(written) -> None:
    file = written('00094039,0\r\n"00,1",2\n漢字,0\n a ,0\n'.encode())
    assert list(file) == [("00094039", "0"), ("00,1", "2"), ("漢字", "0"), (" a ", "0")]
    assert (file.read, file.set_aside_count) == (4, 0)


def test_a_byte_order_mark_and_blank_lines_are_nothing(written) -> None:
    file = written(b"\xef\xbb\xbf1,0\n\n   \n2,0")
    assert list(file) == [("1", "0"), ("2", "0")]
    assert file.set_aside == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"1", "1 columns"),
        (b"1,2,3", "3 columns"),
        (b",0", "master customer id is missing"),
        (b"1,", "sub customer id is missing"),
        (b"1,\xff", "not UTF-8"),
        (b"1\x00,0", "control character"),
        (b'"1,0', "quotes"),
        (b"9" * 101 + b",0", "longer than 100"),
        (b"9" * 50_000 + b",0", "longer than 4096 bytes"),
    ],
)
def test_a_bad_line_is_named_and_the_rest_is_read(written, line: bytes, reason: str) -> None:
    file = written(b"1,0\n" + line + b"\n3,0\n")
    assert list(file) == [("1", "0"), ("3", "0")]
    assert [aside.line for aside in file.set_aside] == [2]
    assert reason in file.set_aside[0].reason


def test_a_header_is_set_aside_as_such(written) -> None:
    file = written(b"master_customer_id,sub_customer_id\n1,0\n")
    assert list(file) == [("1", "0")]
    assert "header" in file.set_aside[0].reason


def test_lines_set_aside_beyond_a_thousand_are_counted(written) -> None:
    file = written(b"x\n" * 3_000)
    assert list(file) == []
    assert (file.set_aside_count, len(file.set_aside)) == (3_000, 1_000)


def test_memory_does_not_grow_with_the_file(written) -> None:
    file = written(b"".join(b"%08d,0\n" % number for number in range(40_000)))
    tracemalloc.start()
    try:
        assert sum(1 for _ in file) == 40_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20
