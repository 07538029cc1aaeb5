"""What is asked of a list by POST, JSON in and out: sums over ranges, and whether its kept facts are true (B1)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse

from rollkeeper.crm.changes.verify import verify
from rollkeeper.crm.data_service.address import Address, Segment, key_values
from rollkeeper.crm.data_service.errors import Refusal, bad_request
from rollkeeper.crm.data_service.member_response import read_key, refusals
from rollkeeper.crm.data_service.range_sums import range_sums
from rollkeeper.sync.connector import Key
from rollkeeper.sync.member import fingerprint_text

MOST_BOUNDS = 20_000


def action_response(request: HttpRequest, address: Address) -> HttpResponse:
    """The answer to a POST. Raises `Refusal`."""
    code, action = _action(address)
    wanted = _body(request)
    with refusals():
        return _range_sums(code, wanted) if action == "RangeSums" else _verify(code, wanted)


def _action(address: Address) -> tuple[str, str]:
    match address.segments:
        case [
            Segment(name="MarketingLists", key=key),
            Segment(name="RangeSums" | "Verify" as action, key=None),
        ] if key is not None and not address.count_only:
            return key_values(key, ("Code",))["Code"], action
    raise Refusal(
        405,
        "MethodNotAllowed",
        "The data service is read only: use GET. By POST a list's RangeSums and Verify can be asked for.",
        {"Allow": "GET, HEAD"},
    )


def _body(request: HttpRequest) -> dict[str, object]:
    try:
        found = json.loads(request.body or b"{}")
    except RequestDataTooBig as error:
        raise Refusal(413, "TooLarge", "The request is too large. Ask in several requests.") from error
    except (ValueError, RecursionError) as error:
        raise bad_request("The body is not JSON.") from error
    if not isinstance(found, dict):
        raise bad_request("The body is a JSON object.")
    return found


def _range_sums(code: str, wanted: dict[str, object]) -> HttpResponse:
    _known(wanted, "bounds")
    sums = range_sums(code, _bounds(wanted.get("bounds")))
    return JsonResponse(
        {
            "ranges": [
                {"members": each.members, "fingerprint": fingerprint_text(each.fingerprint)} for each in sums.ranges
            ],
            "version": sums.version,
            "list_members": sums.list_members,
            "list_fingerprint": sums.list_fingerprint,
        }
    )


def _bounds(given: object) -> Sequence[Key]:
    if not isinstance(given, list) or len(given) > MOST_BOUNDS:
        raise bad_request(f'"bounds" is a list of at most {MOST_BOUNDS:,} customer ids: [["master", "sub"], …].')
    bounds = [read_key(entry) for entry in given]
    if any(later <= earlier for earlier, later in pairwise(bounds)):
        raise bad_request('"bounds" must ascend by (master, sub), in code-point order.')
    return bounds


def _verify(code: str, wanted: dict[str, object]) -> HttpResponse:
    _known(wanted, "repair")
    repair = wanted.get("repair", False)
    if not isinstance(repair, bool):
        raise bad_request('"repair" is true or false.')
    return JsonResponse(verify(code, repair=repair).document())


def _known(wanted: dict[str, object], *names: str) -> None:
    for name in wanted:
        if name not in names:
            raise bad_request(f"{name[:80]!r} is not known here; known is {', '.join(names)}.")
