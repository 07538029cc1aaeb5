"""From a difference to the plan that repairs it (B1): whatever differs, and nothing else, is written."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollkeeper.sync.connector import Pull, RangeSum, SourceNonsense
from rollkeeper.sync.member import Field
from rollkeeper.sync.merge import STORED_SCHEMA
from rollkeeper.sync.narrow import WHOLE, KeyRange, narrow
from rollkeeper.sync.plan import Kept
from rollkeeper.sync.repair import FieldsMoved, differing_rows, with_differing
from rollkeeper.sync.run import Download, Since, download, plan
from tests.fakes.memory_crm import Key, MemoryCrm, Person, in_order, row_hash

CITY = (Field("city", "City", "text"),)
Rows = dict[Key, int]

ids = st.text(st.sampled_from("0aé\U0001f600"), min_size=1, max_size=3)
keys = st.tuples(ids, st.sampled_from(["0", "1"]))
people = st.builds(Person, st.sampled_from(["a@example.org", None]), st.sampled_from(["Ann", "Bo"]))


def is_in(key: Key, within: KeyRange) -> bool:
    return (within.first is None or in_order(within.first) <= in_order(key)) and (
        within.end is None or in_order(key) < in_order(within.end)
    )


class Stored:
    """The stored rows as dictionaries: what is expected of the CRM (changes that travelled laid over)."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    def sums(self, ranges: Sequence[KeyRange]) -> list[RangeSum]:
        found = [[number for key, number in self.rows.items() if is_in(key, each)] for each in ranges]
        return [RangeSum(len(each), sum(each) % 2**128) for each in found]

    def cuts(self, within: KeyRange, parts: int) -> list[Key]:
        ordered = sorted((key for key in self.rows if is_in(key, within)), key=in_order)
        step = max(1, -(-len(ordered) // parts))
        return ordered[step::step]

    def batches(self, within: KeyRange = WHOLE, only: set[Key] | None = None) -> Iterator[pa.RecordBatch]:
        for key in sorted(self.rows, key=in_order):
            if is_in(key, within) and (only is None or key in only):
                high, low = signed_halves(self.rows[key])
                yield pa.RecordBatch.from_pylist(
                    [{"master_customer_id": key[0], "sub_customer_id": key[1], "subscriber_id": 1,
                      "hash_hi": high, "hash_lo": low}], schema=STORED_SCHEMA)  # fmt: skip

    def kept(self) -> Kept:
        return Kept(len(self.rows), sum(self.rows.values()) % 2**128)


def signed_halves(number: int) -> tuple[int, int]:
    high, low = number >> 64, number & (2**64 - 1)
    return (high - 2**64 if high >= 2**63 else high, low - 2**64 if low >= 2**63 else low)


def told(crm: MemoryCrm, token: str, folder: Path) -> Download:
    """What the CRM tells of what changed; `crm.forgotten` is left out."""
    return download(crm, "ALL", folder, ignored, Since(token))


def hashes(crm: MemoryCrm) -> Rows:
    return {key: row_hash(key, crm.people[key], crm.fields) for key in crm.lists["ALL"]}


def ignored(rows: int) -> None:
    """Progress that nobody looks at."""


@settings(max_examples=150, deadline=None)
@given(
    before=st.dictionaries(keys, people, max_size=25),
    now=st.dictionaries(keys, people, max_size=25),
    kept_people=st.sets(keys, max_size=25),
    forgotten=st.sets(keys, max_size=4),
    damaged=st.dictionaries(keys, st.integers(1, 2**128 - 1), max_size=3),
    deleted=st.sets(keys, max_size=3),
)
def test_what_the_feed_forgot_and_what_was_damaged_here_is_written_with_the_rest_and_nothing_else(
    before: dict[Key, Person],
    now: dict[Key, Person],
    kept_people: set[Key],
    forgotten: set[Key],
    damaged: Rows,
    deleted: set[Key],
) -> None:
    now = {**now, **{key: person for key, person in before.items() if key in kept_people}}
    crm = MemoryCrm(people={**before}, lists={"ALL": set(before)}, fields=CITY, batch_size=2)
    stored_rows = {key: number for key, number in {**hashes(crm), **damaged}.items() if key not in deleted}
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        for limit, value in {"FEW_ROWS": 2, "RANGES": 4, "PULLED_SHARE": 100}.items():
            patch.setattr(f"rollkeeper.sync.narrow.{limit}", value)
        folder = Path(name)
        with crm.members("ALL") as pull:
            token = pull.closing().token or ""
        crm.people, crm.lists, crm.forgotten = {**now}, {"ALL": set(now)}, forgotten
        truth = hashes(crm)
        source = stack.enter_context(closing(told(crm, token, folder)))
        expected = dict(stored_rows)
        for key in before.keys() | now.keys():
            if before.get(key) != now.get(key) and key not in forgotten:
                expected.pop(key, None)
                expected |= {key: truth[key]} if key in truth else {}
        wanted = {key for key in expected.keys() | truth.keys() if expected.get(key) != truth.get(key)}
        found = narrow("ALL", crm, Stored(expected))
        with closing(
            differing_rows(crm, "ALL", CITY, found.ranges, Stored(expected).batches, folder, ignored)
        ) as differing:
            assert differing.count == len(wanted)
            assert differing.missing == len(wanted - expected.keys())
            assert differing.surplus == len(wanted - truth.keys())
            with closing(with_differing(source, differing, folder)) as repaired:
                check_plan(repaired, Stored(stored_rows), truth, folder)


def check_plan(source: Download, stored: Stored, truth: Rows, folder: Path) -> None:
    """The plan writes exactly what makes the stored rows those of the CRM, and proves it."""
    sent = {
        (row["master_customer_id"], row["sub_customer_id"])
        for batch in source.rows.batches()
        for row in batch.to_pylist()
    }
    with closing(plan(source, stored.batches(only=sent), folder, stored.kept())) as made:
        assert made.defect() == ""
        result = dict(stored.rows)
        for batch in made.removals.batches():
            for row in batch.to_pylist():
                del result[row["master_customer_id"], row["sub_customer_id"]]
        for batch in made.writes.batches():
            for row in batch.to_pylist():
                number = (row["hash_hi"] % 2**64 << 64) + row["hash_lo"] % 2**64
                result[row["master_customer_id"], row["sub_customer_id"]] = number
        assert result == truth
        assert made.stored_sum % 2**128 == sum(truth.values()) % 2**128


def test_a_row_that_is_bad_in_the_crm_is_brought_along_to_be_set_aside(tmp_path: Path) -> None:  # B7
    crm = MemoryCrm(people={(f"{n}", "0"): Person() for n in range(6)}, fields=CITY, batch_size=2)
    crm.lists = {"ALL": set(crm.people)}
    crm.repeat = {("3", "0")}
    stored = Stored({key: number for key, number in hashes(crm).items() if key != ("5", "0")})
    with (
        crm.members("ALL") as pull,
        closing(told(crm, pull.closing().token or "", tmp_path)) as unchanged,
        closing(differing_rows(crm, "ALL", CITY, [WHOLE], stored.batches, tmp_path, ignored)) as differing,
        closing(with_differing(unchanged, differing, tmp_path)) as source,
        closing(plan(source, stored.batches(only={("3", "0"), ("5", "0")}), tmp_path, stored.kept())) as made,
    ):
        assert (differing.missing, differing.surplus, differing.other, differing.unusable) == (1, 0, 0, 2)
        assert (made.counts.added, made.counts.set_aside, made.counts.removed) == (1, 2, 0)


def test_rows_from_outside_the_range_are_nonsense(tmp_path: Path) -> None:
    class Careless(MemoryCrm):
        def members_between(self, code: str, first: Key | None, end: Key | None) -> AbstractContextManager[Pull]:
            return super().members_between(code, None, None)

    crm = Careless(people={(f"{n}", "0"): Person() for n in range(6)}, fields=CITY)
    crm.lists = {"ALL": set(crm.people)}
    for within in (KeyRange(("3", "0"), None), KeyRange(None, ("3", "0"))):
        with pytest.raises(SourceNonsense, match="outside"):
            differing_rows(crm, "ALL", CITY, [within], Stored({}).batches, tmp_path, ignored)


def test_a_view_that_changed_since_the_pull_is_told(tmp_path: Path) -> None:
    crm = MemoryCrm(people={("1", "0"): Person()}, lists={"ALL": {("1", "0")}}, fields=())
    with pytest.raises(FieldsMoved):
        differing_rows(crm, "ALL", CITY, [WHOLE], Stored({}).batches, tmp_path, ignored)
