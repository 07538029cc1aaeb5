"""A bad row is set aside with its line, its reason and a sentence; the rest goes in (B7)."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollkeeper.crm.constituents.csv_rows import FIXED_HEADER
from rollkeeper.crm.constituents.import_csv import ImportRefused, ImportReport, import_constituents
from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.crm.personalization.models import PersonalizationField
from tests.crm.constituents.files import HEADER, import_text, row

pytestmark = pytest.mark.django_db
GOOD = row("good", first_name="Ann")


def only_set_aside(report: ImportReport, line: int, reason: str) -> str:
    """The sentence of the one row that was set aside; the good one went in."""
    assert (report.read, report.created, report.set_aside) == (2, 1, 1)
    [aside] = report.set_aside_rows
    assert (aside.line, aside.reason) == (line, reason)
    assert Constituent.objects.get().master_customer_id == "good"
    assert aside.sentence.startswith(f"Line {line} ")
    return aside.sentence


@pytest.mark.parametrize(
    ("bad", "reason", "said"),
    [
        (row(""), "missing_id", "master_customer_id"),
        (row("  "), "missing_id", "master_customer_id"),
        (row("x", allow_email="X"), "wrong_flag", "'X' in allow_email, which takes Y or N"),
        (row("x", allow_solicitation="true"), "wrong_flag", "allow_solicitation"),
        (row("x", do_not_solicit="n"), "wrong_flag", "do_not_solicit"),
        ("x,0", "wrong_number_of_cells", "2 cells where the header has 11 columns"),
        (row("x") + ",more", "wrong_number_of_cells", "12 cells"),
        (row("x" * 101), "value_too_long", "101 characters in master_customer_id, which takes 100"),
        (row("x", first_name="é" * 256), "value_too_long", "256 characters in first_name, which takes 255"),
        (row("x", first_name="y" * 140_000), "value_too_long", "131,072"),
        (row("x", first_name="y" * 1_200_000), "value_too_long", "1,000,000"),
        (b"x,0,I,\xff\xfe,,,,,,,", "not_utf8", "0xff"),
        (row("x", first_name="a\0b"), "nul_character", "NUL"),
        (row("x\x01"), "control_character_in_id", "customer id"),
        (row("x\ty"), "control_character_in_id", "customer id"),
        ('x,0,I,"a"b,,,,,,,', "unreadable", "quotes"),
        ('x,0,I,"never closed,,,,,,,', "unreadable", "quote that is not closed"),
    ],
)
def test_a_bad_row_is_named_and_the_rest_goes_in(tmp_path: Path, bad: str | bytes, reason: str, said: str) -> None:
    for lines, line in ([bad, GOOD], 2), ([GOOD, bad], 3):
        Constituent.objects.all().delete()
        assert said in only_set_aside(import_text(tmp_path, lines), line, reason)


def test_of_a_repeated_id_the_first_stands_and_the_later_name_its_line(tmp_path: Path) -> None:
    report = import_text(tmp_path, [
        row("1", first_name="First"), row("2"), row("1", sub_customer_id="0"), row("1", sub_customer_id="1"), row("1"),
    ])  # fmt: skip
    assert (report.created, report.set_aside) == (3, 2)
    assert [(one.line, one.reason, one.sentence) for one in report.set_aside_rows] == [
        (4, "duplicate_id", "Line 4 repeats the customer id of line 2."),
        (6, "duplicate_id", "Line 6 repeats the customer id of line 2."),
    ]
    assert (report.set_aside_rows[0].master_customer_id, report.set_aside_rows[0].sub_customer_id) == ("1", "0")
    assert Constituent.objects.get(master_customer_id="1", sub_customer_id="0").first_name == "First"


def test_of_a_repeated_id_a_bad_first_row_does_not_stand(tmp_path: Path) -> None:
    report = import_text(tmp_path, [row("1", allow_email="?"), row("1", first_name="Second")])
    assert [one.reason for one in report.set_aside_rows] == ["wrong_flag"]
    assert Constituent.objects.get().first_name == "Second"


def test_control_characters_are_taken_out_of_values(tmp_path: Path) -> None:
    report = import_text(tmp_path, [row("1", first_name="A\x01n\x1fn", last_name="a\tb\nc")])
    assert report.set_aside == 0
    found = Constituent.objects.get()
    assert (found.first_name, found.last_name) == ("Ann", "a\tb\nc")


def test_lines_are_counted_as_in_an_editor(tmp_path: Path) -> None:
    report = import_text(tmp_path, [
        row("1", last_name="over\nthree\nlines"), "", row("2", allow_email="?"), '3,0,I,"open,,,,,,,', row("4"), GOOD,
    ])  # fmt: skip
    assert [(one.line, one.reason) for one in report.set_aside_rows] == [(6, "wrong_flag"), (7, "unreadable")]
    assert report.created == 3


def test_a_stray_quote_loses_no_more_than_its_line(tmp_path: Path) -> None:
    lines = [row("1"), '2,0,I,"open,,,,,,,', row("3"), row("4"), '5,0,I,"open,,,,,,,', row("6")]
    report = import_text(tmp_path, lines)
    assert [one.line for one in report.set_aside_rows] == [3, 6]
    assert set(Constituent.objects.values_list("master_customer_id", flat=True)) == {"1", "3", "4", "6"}


def test_a_stray_quote_that_happens_to_be_closed_loses_no_other_line(tmp_path: Path) -> None:
    lines = [row("1"), '2,0,I,"open,,,,,,,', row("3"), '4,0,closed",', row("5")]
    report = import_text(tmp_path, lines)
    assert [one.line for one in report.set_aside_rows] == [3, 5]
    assert set(Constituent.objects.values_list("master_customer_id", flat=True)) == {"1", "3", "5"}


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("", "empty"),
        ("a,b", "column 1 must be master_customer_id, but it is called 'a'"),
        (HEADER.replace("email,", "e-mail,", 1), "column 7 must be email, but it is called 'e-mail'"),
        (HEADER.removesuffix(",status"), "column 11 must be status, but it is missing"),
        (",".join(reversed(FIXED_HEADER)), "column 1 must be master_customer_id"),
        (HEADER + ",", "column 12 has no name"),
        (HEADER + ",a,a", "column 13 repeats the name 'a'"),
        (HEADER + ",email", "column 12 repeats the name 'email'"),
        (HEADER + ',"a\tb"', "control character"),
        (HEADER + "," + "x" * 101, "100 characters"),
        (HEADER + "," + ",".join(f"c{n}" for n in range(501)), "501 further columns"),
    ],
)
def test_a_wrong_header_is_named_and_nothing_is_written(tmp_path: Path, header: str, said: str) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text(f"{header}\n{GOOD}\n" if header else "")
    before = set(PersonalizationField.objects.values_list("name", flat=True))
    with pytest.raises(ImportRefused, match="Nothing was imported") as caught:
        import_constituents(path, author="mary", origin="command")
    assert said in str(caught.value)
    assert not Constituent.objects.exists()
    assert set(PersonalizationField.objects.values_list("name", flat=True)) == before


def test_a_header_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "utf16.csv"
    path.write_text(f"{HEADER}\n{GOOD}\n", encoding="utf-16")
    with pytest.raises(ImportRefused, match="header cannot be read"):
        import_constituents(path, author="mary", origin="command")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match=r"none\.csv cannot be read: No such file"):
        import_constituents(tmp_path / "none.csv", author="mary", origin="command")


def test_a_byte_order_mark_and_windows_line_ends_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "windows.csv"
    path.write_bytes(f"\ufeff{HEADER},colour\r\n{row('1', 'blue')}\r\n".encode())
    assert import_constituents(path, author="mary", origin="command").created == 1
    assert Constituent.objects.get().attributes == {"colour": "blue"}
