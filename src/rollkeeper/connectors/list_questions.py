"""What is asked of a list of the bundled CRM beside its members: sums over ranges, and whether its facts are true.

Protocol: `docs/reference/data-service.md`. An answer that is not one raises `SourceNonsense`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rollkeeper.connectors.http import Http
from rollkeeper.sync.connector import Key, RangeSum, RangeSums, SourceNonsense, SourceVerification


def range_sums(http: Http, marketing_list: str, bounds: Sequence[Key]) -> RangeSums:
    """The sums between ascending bounds. `marketing_list` is the path of the list. Raises `Answered` too."""
    found = http.json(f"{marketing_list}/RangeSums", asked={"bounds": [list(bound) for bound in bounds]})
    try:
        ranges = tuple(_sum(each) for each in _checked(found["ranges"], list))
        version = _checked(found["version"], str)
        kept = _sum({"members": found["list_members"], "fingerprint": found["list_fingerprint"]})
    except (KeyError, TypeError, ValueError) as error:
        raise SourceNonsense(f"{http.name} was asked for sums over a list and gave something else.") from error
    if len(ranges) != len(bounds) + 1:
        raise SourceNonsense(
            f"{http.name} was asked for {len(bounds) + 1} sums over a list and gave {len(ranges)}."
        )
    return RangeSums(ranges, version, kept.members, f"{kept.fingerprint:032x}")


def verify(http: Http, marketing_list: str, *, repair: bool) -> SourceVerification:
    """Whether what is kept of the list is what its rows add up to. Raises `Answered` too."""
    found = http.json(f"{marketing_list}/Verify", asked={"repair": repair})
    try:
        kept = _sum(found["kept"]) if found["kept"] is not None else None
        return SourceVerification(kept, _sum(found["computed"]), _checked(found["repaired"], bool))
    except (KeyError, TypeError, ValueError) as error:
        raise SourceNonsense(f"{http.name} was asked to verify a list and answered something else.") from error


def _sum(found: Any) -> RangeSum:
    members, fingerprint = _checked(found["members"], int), _checked(found["fingerprint"], str)
    if isinstance(members, bool) or members < 0 or len(fingerprint) != 32:
        raise ValueError(found)
    if not set(fingerprint) <= set("0123456789abcdef"):
        raise ValueError(fingerprint)
    return RangeSum(members, int(fingerprint, 16))


def _checked(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError(value)
    return value
