"""Which addresses are well-formed."""

from __future__ import annotations

import pyarrow as pa
import pytest

from rollkeeper.sync.address import is_valid, valid_addresses

GOOD = ["a@example.org", "A.B+c_d@sub.example.co.uk", "o'neil@example.org", "ünïcode@example.org", "a@bücher.example.org",
        "用户@例子.广告", "x@xn--bcher-kva.example", "1@2.example", "a" * 64 + "@example.org"]  # fmt: skip
BAD = ["", "@", "a@", "@b", "plain", "a@b", "a b@example.org", "a@@example.org", "a@example..org", ".a@example.org",
       "a.@example.org", "a@-example.org", "a@example.org.", "a@example.1", "a@[127.0.0.1]", "<a@example.org>",
       "a@example.org,b@example.org", "a@example.org\n", "\ta@example.org", "a\x00@example.org", "a" * 65 + "@example.org",
       "a@" + "b" * 64 + ".org", "a@" + ("b" * 60 + ".") * 5 + "org", "a@exa mple.org", "é" * 250 + "@example.org"]  # fmt: skip


@pytest.mark.parametrize("address", GOOD)
def test_a_good_address_is_valid(address: str) -> None:
    assert is_valid(address)


@pytest.mark.parametrize("address", BAD)
def test_a_bad_address_is_invalid(address: str) -> None:
    assert not is_valid(address)


def test_a_column_is_judged_as_its_addresses_are_and_null_is_invalid() -> None:
    column = pa.array([*GOOD, None, *BAD])
    assert valid_addresses(column).to_pylist() == [True] * len(GOOD) + [False] * (1 + len(BAD))
