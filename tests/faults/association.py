"""An association of 20,000 members in a home of its own, and how to look at what a sync left of it."""

from __future__ import annotations

import csv
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
import pyarrow.parquet as pq

from tests.whole.imports import FIXED
from tests.whole.installation import Driver, Installation, Ran, wait_until

PEOPLE = 22_000
LIST = "BIG"
FURTHER = ("chapter", "in_big", "note")
FIXED_COLUMNS = 7  # of a member, before the personalization fields

# What a reader sees of a group: kept counts, kept fingerprint, and the same from the rows.
LOOK = """
SELECT g.count_members, g.count_receiving, g.fingerprint, count(m.subscriber_id),
       count(*) FILTER (WHERE s.status = 'Subscribed'),
       coalesce(sum(m.hash_hi::numeric), 0), coalesce(sum(m.hash_lo::numeric), 0),
       coalesce(sum(s.hash_hi::numeric), 0), coalesce(sum(hashtext(s::text)), 0)
FROM target_group g LEFT JOIN group_member m ON m.group_id = g.id LEFT JOIN subscriber s ON s.id = m.subscriber_id
WHERE g.code = %s GROUP BY g.id
"""


def person(number: int, wave: int) -> list[str]:
    """A row of the import. People of the same wave have changed since the one before."""
    kind = (number + wave) % 23
    email = {0: "", 1: "not an address"}.get(kind, f"person{number}.{wave}@example.org")
    flags = ["N" if kind == 2 else "Y", "N" if kind == 3 else "Y", "Y" if kind == 4 else "N"]
    return [
        f"{number:08}", "0", "I", f"First {wave}", f"Last {number}", "", email, *flags, "ACTIVE",
        f"Chapter {number % 9}", "N" if kind == 5 else "Y", f"A note of wave {wave} for {number}",
    ]  # fmt: skip


@dataclass
class Association:
    """The CRM's and the marketing site's sides of one list of about 21,000."""

    installation: Installation
    crm: Driver
    marketing: Driver
    folder: Path
    wave: int = 0

    def begin(self) -> None:
        self._import(range(PEOPLE))
        rule = {"combinator": "and", "rules": [{"field": "in_big", "operator": "=", "value": "Y"}]}
        self.crm("save_list", code=LIST, name="Everyone", rule=rule)
        self.regenerate()

    def change(self) -> None:
        """About 550 people change: names, addresses, flags, membership of the list."""
        self.wave += 1
        self._import([number for number in range(PEOPLE) if (number + self.wave) % 40 == 0])
        self.regenerate()

    def regenerate(self, code: str = LIST) -> None:
        [(outcome, _)] = self.crm("run_job", job="MKT510", list_code=code).values()
        assert outcome == "regenerated"

    def _import(self, numbers: Any) -> None:
        path = self.folder / "people.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([*FIXED, *FURTHER])
            writer.writerows(person(number, self.wave) for number in numbers)
        assert self.crm("imported", path=str(path))["set_aside"] == 0

    def never_synced(self) -> None:
        self.marketing("emptied")
        assert self.marketing("refresh")["status"] == "completed"

    def sync(self, code: str = LIST) -> Ran:
        return self.installation.run("sync", code, "--json")

    def assert_group_is_list(self, code: str = LIST) -> None:
        """The group ended where a clean run ends: it is the list, row by row, with all that is kept about it."""
        list_file, group_file = self.folder / "list.parquet", self.folder / "group.parquet"
        self.crm("export_list", code=code, path=str(list_file))
        self.marketing("export_to", code=code, path=str(group_file))
        expected = [_expected(list(row.values())) for row in pq.read_table(list_file).to_pylist()]
        assert [list(row.values()) for row in pq.read_table(group_file).to_pylist()] == expected
        facts = self.marketing("facts", code=code)
        assert facts["kept"] == facts["counted"], code
        assert facts["fingerprint"] == facts["recomputed"]
        assert facts["stale"] == 0

    def look(self, code: str = LIST) -> tuple[Any, ...]:
        with self.installation.database("marketing") as connection:
            return _look(connection, code)

    def runs(self) -> Counter[str]:
        """How many runs there are of each status."""
        with self.installation.database("marketing") as connection:
            found = connection.execute("SELECT status, count(*) FROM sync_run GROUP BY 1").fetchall()
        return Counter(dict(found))

    def newest_run(self) -> tuple[int, str]:
        with self.installation.database("marketing") as connection:
            row = connection.execute("SELECT id, status FROM sync_run ORDER BY id DESC LIMIT 1").fetchone()
        return row or (0, "")

    @contextmanager
    def watched(self, code: str = LIST) -> Iterator[Watch]:
        """Someone looks at the group all along; what was seen is the group before, or after (B8)."""
        watch = Watch(self.installation, code)
        before = self.look(code)
        with watch:
            yield watch
            wait_until(lambda: watch.looks > 3, "someone looked")
        assert watch.seen <= {before, self.look(code)}, "A reader saw a group between before and after"


def _look(connection: psycopg.Connection[Any], code: str) -> tuple[Any, ...]:
    row = connection.execute(LOOK, [code]).fetchone()
    assert row is not None
    return row


def _expected(member: list[Any]) -> list[Any]:
    """A row of the list's file as a row of the group's: the flag becomes a status, word for word (S2, S7)."""
    master, sub, email, first, last, allow_email, _denied_by, *values = member
    status = (
        "Unsubscribed from remote system" if not allow_email
        else "No address" if email is None
        else "Invalid address" if email == "not an address"
        else "Subscribed"
    )  # fmt: skip
    return [master, sub, email, first, last, status, *values]


@dataclass
class Watch:
    """A reader that polls. While the server is away it waits."""

    installation: Installation
    code: str
    seen: set[tuple[Any, ...]] = field(default_factory=set)
    looks: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def _poll(self) -> None:
        while not self.stop.is_set():
            try:
                with self.installation.database("marketing") as connection:
                    while not self.stop.wait(0.05):
                        self.seen.add(_look(connection, self.code))
                        self.looks += 1
            except psycopg.OperationalError:
                self.stop.wait(0.1)

    def __enter__(self) -> Self:
        self.thread = threading.Thread(target=self._poll)
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop.set()
        self.thread.join()
