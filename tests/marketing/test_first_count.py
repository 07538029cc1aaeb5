"""The funnel counted while rows are written is the funnel that PostgreSQL counts from the rows (S32)."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator

import pyarrow as pa
import pytest

from rollkeeper.marketing.target_groups import first_count
from rollkeeper.marketing.target_groups.first_count import FirstCount
from rollkeeper.marketing.target_groups.funnel import Tally

Row = tuple[str | None, bool, bool]  # email, address_valid, allow_email

ADDRESSES = [
    None,
    "",
    "a@example.org",
    "A@Example.org",
    "ä@example.org",
    "Ä@example.org",
    "x" * 300 + "@example.org",
]


def counted(rows: list[Row], piece: int = 7) -> Tally | None:
    count = FirstCount(len(rows))
    for reading in (count.first_reading, count.second_reading):
        assert sum(batch.num_rows for batch in reading(batches(rows, piece))) == len(rows)
    return count.tally()


def batches(rows: list[Row], piece: int) -> Iterator[pa.RecordBatch]:
    schema = pa.schema([("email", pa.string()), ("address_valid", pa.bool_()), ("allow_email", pa.bool_())])
    whole = pa.RecordBatch.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema)
    for start in range(0, len(rows), piece):
        yield whole.slice(start, piece)


def by_hand(rows: list[Row]) -> Tally:
    """By the rule of `funnel.py`: people until there are addresses, then addresses."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row[0]:
            groups["".join(letter.lower() if letter.isascii() else letter for letter in row[0])].append(row)
    valid = [group for group in groups.values() if any(row[1] for row in group)]
    return Tally(
        count_members=len(rows),
        count_with_address=sum(map(len, groups.values())),
        count_valid=sum(map(len, valid)),
        count_distinct=len(valid),
        count_allowed=sum(any(row[2] for row in group) for group in valid),
        count_receiving=sum(any(row[1] and row[2] for row in group) for group in valid),
    )


@pytest.mark.parametrize("seed", range(20))
def test_the_funnel_is_that_of_the_rule_whoever_shares_an_address(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  # a draw
    addresses = [*ADDRESSES, *(f"{number}@example.org" for number in range(chance.choice([3, 100])))]
    rows: list[Row] = []
    for _ in range(chance.choice([1, 6, 7, 50, 200])):
        address = chance.choice(addresses)
        rows.append((address, bool(address) and chance.random() < 0.9, chance.random() < 0.7))
    assert counted(rows) == by_hand(rows)


def test_hashes_that_are_equal_by_chance_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_count, "_MULTIPLIER", first_count.np.uint64(1 << 60))  # four bits are left
    rows: list[Row] = [(f"{number % 90}@example.org", number % 7 > 0, number % 5 > 0) for number in range(100)]
    assert counted(rows) == by_hand(rows)


def test_a_group_of_no_one_has_counts_of_nothing() -> None:
    assert counted([]) == Tally()


def test_when_too_many_share_addresses_it_is_left_to_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_count, "MOST_SHARED", 10)
    assert counted([("a@example.org", True, True)] * 30) is None
