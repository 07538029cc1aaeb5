"""The data service over HTTP: who may read, what is asked, which answer. OData v4, and Arrow for members.

Tokens only: no session, no cookie, no CSRF check.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth.decorators import login_not_required
from django.db import OperationalError
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt

from rollkeeper.crm.data_service import tokens
from rollkeeper.crm.data_service.accept import best_type
from rollkeeper.crm.data_service.actions import action_response
from rollkeeper.crm.data_service.address import Address, key_values, parse_address
from rollkeeper.crm.data_service.errors import Refusal, bad_request
from rollkeeper.crm.data_service.member_response import OPTIONS, arrow_response, asked
from rollkeeper.crm.data_service.odata_response import metadata_response, odata_response, service_response
from rollkeeper.postgres.arrow import QueryFailed
from rollkeeper.sync.member_stream import CONTENT_TYPE as ARROW

logger = logging.getLogger(__name__)

JSON = "application/json"
XML = "application/xml"


@csrf_exempt
@login_not_required  # a token opens it, not a session
def data_service(request: HttpRequest, resource: str) -> HttpResponseBase:
    """Every address of the data service."""
    try:
        _authenticate(request)
        response = _answer(request, resource)
    except Refusal as refusal:
        response = refusal.response()
    response["OData-Version"] = "4.0"
    response["Cache-Control"] = "no-store"
    patch_vary_headers(response, ["Accept", "Authorization"])
    return response


def _authenticate(request: HttpRequest) -> None:
    if tokens.check(request.headers.get("Authorization", ""), timezone.now()) is None:
        raise Refusal(
            401,
            "Unauthorized",
            "The data service needs a token: as a Bearer token, or as the password of Basic with any user name.",
            {"WWW-Authenticate": 'Basic realm="Rollkeeper data service", charset="UTF-8"'},
        )


def _answer(request: HttpRequest, resource: str) -> HttpResponseBase:
    if request.method not in {"GET", "HEAD", "POST"}:
        raise Refusal(405, "MethodNotAllowed", "The data service is read only: use GET.", {"Allow": "GET, HEAD"})
    _check_version(request)
    accept = request.headers.get("Accept", "")
    if request.method == "POST":
        best_type(accept, None, [JSON])
        with _database_errors(request):
            return action_response(request, parse_address(resource))
    if resource == "":
        best_type(accept, request.GET.get("$format"), [JSON])
        return service_response(request)
    if resource == "$metadata":
        best_type(accept, request.GET.get("$format"), [XML])
        return metadata_response(request)
    if resource == "$batch":
        raise Refusal(501, "NotImplemented", "This service has no $batch: send each request by itself.")
    return _read(request, parse_address(resource), accept)


def _read(request: HttpRequest, address: Address, accept: str) -> HttpResponseBase:
    code = _members_of(address)
    offered = [JSON, ARROW] if code is not None else [JSON]
    if address.count_only:
        offered = ["text/plain"]
    kind = best_type(accept, request.GET.get("$format"), offered)
    with _database_errors(request):
        if kind == ARROW and code is not None:
            _only_options(request, OPTIONS)
            return arrow_response(code, asked(request.GET.dict()), head_only=request.method == "HEAD")
        return odata_response(request, address)


@contextmanager
def _database_errors(request: HttpRequest) -> Iterator[None]:
    try:
        yield
    except (QueryFailed, OperationalError) as error:
        logger.exception("The database failed while the data service read %s", request.path)
        raise Refusal(
            503, "DatabaseError", "The CRM's database did not answer. Try again later.", {"Retry-After": "10"}
        ) from error


def _members_of(address: Address) -> str | None:
    """The list whose members, all of them, are asked for."""
    match address.segments:
        case [list_segment, members] if (
            list_segment.name == "MarketingLists"
            and list_segment.key is not None
            and members.name == "Members"
            and members.key is None
        ):
            return None if address.count_only else key_values(list_segment.key, ("Code",))["Code"]
    return None


def _check_version(request: HttpRequest) -> None:
    highest = request.headers.get("OData-MaxVersion", "4.0").strip()
    if highest < "4.0":
        raise bad_request(f"This service speaks OData 4.0; OData-MaxVersion is {highest[:20]!r}.")


def _only_options(request: HttpRequest, known: frozenset[str]) -> None:
    for name in request.GET:
        if name not in known:
            raise bad_request(f"The option {name[:80]!r} is not known here; known are {', '.join(sorted(known))}.")
