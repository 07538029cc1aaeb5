"""CSV files of constituents, good rows and bad, and what an import of them must make of the naive CRM."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

from tests.whole.naive_crm import TEXTS, Key, NaiveCrm, Person

FIXED = (
    "master_customer_id", "sub_customer_id", "record_type", "first_name", "last_name", "label_name", "email",
    "allow_email", "allow_solicitation", "do_not_solicit", "status",
)  # fmt: skip
FURTHER = ("city", "tier", "points")  # a column of the constituent, and two that become attributes

# Odd but good ones, one that no import takes (a control character), and plain ones in number.
UNTAKEABLE: list[Key] = [("tab\there", "0")]
ODD: list[Key] = [("0001", "0"), ("0001", "1"), ("1", "0"), ("a", "0"), ("A", "0"), ("é", "0"), ("00 3", "10"), ("00 3", "2"), ("\U0001f642", "0"), ("\uff5e", "0"), ("x" * 100, "0")]  # fmt: skip
PLAIN: list[Key] = [(f"p{number:02}", "0") for number in range(24)]
KEYS = [*ODD, *UNTAKEABLE, *PLAIN]
# Each address with whether it is well-formed.
ADDRESSES = {
    "one@example.org": True, "ONE@example.org": True, "two@example.org": True, "ü@example.org": True,
    "not-an-address": False, "two words@example.org": False, "x@nodot": False, "a..b@example.org": False,
}  # fmt: skip
FIRST_NAMES = ["", "Åsa", "محمد", 'O\'Neil \\ "x",', "bell\x07", "two\r\nlines\ttab"]
LAST_NAMES = ["", "李", "🙂", "NULL", "\\N", " spaced "]


@dataclass(frozen=True)
class Line:
    """A row of the file; `flaw` names what is wrong with it."""

    key: Key
    first_name: str
    last_name: str
    label_name: str
    email: str
    flags: tuple[str, str, str]
    status: str
    further: tuple[str, ...]
    flaw: str = ""

    def cells(self, columns: list[str]) -> list[str]:
        master, sub = ("", "0") if self.flaw == "no id" else self.key
        flags = ("maybe", *self.flags[1:]) if self.flaw == "wrong flag" else self.flags
        further = [value for name, value in zip(FURTHER, self.further, strict=True) if name in columns]
        cells = [
            master, sub, "I", self.first_name, self.last_name, self.label_name, self.email, *flags, self.status,
            *further,
        ]  # fmt: skip
        if self.flaw == "too many cells":  # of more than one line it would be taken for a stray quote, line by line
            return [*("" if "\n" in cell else cell for cell in cells), "one too many"]
        return cells


def lines(keys: st.SearchStrategy[Key], flaws: list[str]) -> st.SearchStrategy[Line]:
    flags = st.sampled_from(["Y", "N", ""])
    often_allowed = st.sampled_from(["Y", "Y", "N", ""])
    return st.builds(
        Line,
        key=keys,
        first_name=st.sampled_from(FIRST_NAMES),
        last_name=st.sampled_from(LAST_NAMES),
        label_name=st.sampled_from(["", "Label"]),
        email=st.sampled_from(["", *ADDRESSES]),
        flags=st.tuples(often_allowed, often_allowed, flags),
        status=st.sampled_from(["ACTIVE", "", "DUPLICATE"]),
        further=st.tuples(
            st.sampled_from(["", "Köln", "Oslo"]), st.sampled_from(["", "gold"]), st.sampled_from(["", "07"])
        ),
        flaw=st.sampled_from(flaws),
    )


def write(path: Path, columns: list[str], rows: list[Line]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*FIXED, *columns])
    data = text.getvalue().encode()
    for row in rows:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerow(row.cells(columns))
        line = text.getvalue().encode()
        if row.flaw == "not UTF-8":
            line = b"\xff" + line
        elif row.flaw == "NUL":
            line = b"a\x00b" + line
        data += line
    path.write_bytes(data)


def expect(crm: NaiveCrm, columns: list[str], rows: list[Line]) -> dict[str, int]:
    """Import the rows into the naive CRM; the counts that the report must give (B7)."""
    counts = {"read": len(rows), "created": 0, "updated": 0, "unchanged": 0, "set_aside": 0}
    met: set[Key] = set()
    for row in rows:
        if row.flaw or row.key in UNTAKEABLE or row.key in met:
            counts["set_aside"] += 1
            continue
        met.add(row.key)
        known = crm.people.get(row.key)
        person = known or Person(row.key)
        before = _facts(person)
        _take(person, columns, row)
        crm.people[row.key] = person
        outcome = "created" if known is None else "unchanged" if before == _facts(person) else "updated"
        counts[outcome] += 1
    _into_view(crm, columns)
    return counts


def _take(person: Person, columns: list[str], row: Line) -> None:
    allow_email, allow_solicitation, do_not_solicit = row.flags
    person.first_name, person.last_name = clean(row.first_name), clean(row.last_name)
    person.texts["label_name"] = row.label_name
    person.status = row.status or "ACTIVE"
    person.allow_email = allow_email != "N"
    person.allow_solicitation = allow_solicitation != "N"
    for name, value in zip(FURTHER, row.further, strict=True):
        if name not in columns:
            continue
        if name in TEXTS:
            person.texts[name] = value
        elif value:
            person.attributes[name] = value
        else:
            person.attributes.pop(name, None)
    person.primary = row.email or None
    if row.email:
        person.addresses[row.email] = do_not_solicit == "Y"


def clean(text: str) -> str:
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "", text)


def _facts(person: Person) -> object:
    """What an import can change."""
    return (
        person.first_name, person.last_name, person.status, person.allow_email, person.allow_solicitation,
        dict(person.texts), dict(person.attributes), person.primary,
        person.addresses.get(person.primary) if person.primary else None,
    )  # fmt: skip


def _into_view(crm: NaiveCrm, columns: list[str]) -> None:
    """A column that an import brings is in the view under its name, until someone takes it out (S25)."""
    for name in columns:
        if name not in crm.withdrawn:
            crm.view[name] = f"constituent.{name}" if name in TEXTS else f"attribute:{name}"
