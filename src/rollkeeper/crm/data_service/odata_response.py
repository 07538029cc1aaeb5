"""OData's JSON answers and the `$metadata` document."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode
from xml.sax.saxutils import quoteattr

from django.http import HttpRequest, HttpResponse, JsonResponse

from rollkeeper.crm.data_service.address import Address, Segment, key_values
from rollkeeper.crm.data_service.delta_response import changes_page, wants_changes_tracked
from rollkeeper.crm.data_service.entities import ENTITY_SETS, Entity, Property, member_entity
from rollkeeper.crm.data_service.errors import Refusal, bad_request, not_found
from rollkeeper.crm.data_service.member_response import refusals
from rollkeeper.crm.data_service.members import present
from rollkeeper.crm.data_service.options import (
    COUNT_OPTIONS,
    ENTITY_OPTIONS,
    Options,
    collection_options,
    known_options,
    page_rows,
    selected,
    token_text,
)
from rollkeeper.crm.data_service.rows import after_last, count_rows, read_one, read_page
from rollkeeper.crm.lists.models import MarketingList
from rollkeeper.crm.personalization.fields import view_fields
from rollkeeper.crm.personalization.profile import refresh_profiles

JSON_TYPE = "application/json;odata.metadata=minimal;IEEE754Compatible=false;charset=utf-8"
NAMESPACE = "Rollkeeper"


@dataclass(frozen=True, slots=True)
class Collection:
    """What an address leads to: the entity, how the context names it, and the version of what is read.

    `members_of`: of the members of a list, its code.
    """

    entity: Entity
    context: str
    version: str = ""
    members_of: str | None = None


def service_response(request: HttpRequest) -> HttpResponse:
    """The service document: which entity sets there are."""
    known_options(request.GET.dict(), frozenset({"$format"}))
    sets = [{"name": name, "kind": "EntitySet", "url": name} for name in ENTITY_SETS]
    body = {"@odata.context": f"{_root(request)}$metadata", "value": sets}
    return JsonResponse(body, content_type=JSON_TYPE)


def metadata_response(request: HttpRequest) -> HttpResponse:
    """The entity types, in OData's XML."""
    known_options(request.GET.dict(), frozenset({"$format"}))
    member = member_entity(view_fields(), None)
    types = "".join(_entity_type(entity) for entity in (*ENTITY_SETS.values(), member))
    sets = "".join(
        f'<EntitySet Name="{name}" EntityType="{NAMESPACE}.{entity.name}"/>' for name, entity in ENTITY_SETS.items()
    )
    body = (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
        f'<Schema Namespace="{NAMESPACE}" xmlns="http://docs.oasis-open.org/odata/ns/edm">'
        f'{types}<EntityContainer Name="Container">{sets}</EntityContainer>'
        "</Schema></edmx:DataServices></edmx:Edmx>"
    )
    return HttpResponse(body, content_type="application/xml;charset=utf-8")


def odata_response(request: HttpRequest, address: Address) -> HttpResponse:
    """The answer to a request for entities. Raises `Refusal`."""
    given = request.GET.dict()
    for name in given:
        if len(request.GET.getlist(name)) > 1:
            raise bad_request(f"The option {name[:80]!r} is given twice.")
    collection = _collection(address.segments)
    key = address.segments[-1].key
    if address.count_only:
        if key is not None:
            raise not_found("One entity has no $count.")
        known_options(request.GET.dict(), COUNT_OPTIONS)
        return HttpResponse(str(count_rows(collection.entity, given.get("$filter"))), content_type="text/plain")
    if key is not None:
        return _one(request, collection, key_values(key, collection.entity.key))
    if "$deltatoken" in given and collection.members_of is not None:
        return _changes(request, collection, given)
    options = collection_options(given, collection.entity)
    return _many(request, collection, options)


def _collection(segments: Sequence[Segment]) -> Collection:
    """The collection that a path leads to (the last segment's key is looked at later)."""
    match segments:
        case [Segment(name=name)] if name in ENTITY_SETS:
            return Collection(ENTITY_SETS[name], name)
        case [Segment(name="MarketingLists", key=key), Segment(name="Members")] if key is not None:
            return _members(key_values(key, ("Code",))["Code"])
        case [Segment(name=name), *_] if name not in ENTITY_SETS:
            raise not_found(f"There is no entity set {name[:80]!r}; there are {', '.join(ENTITY_SETS)}.")
    raise not_found("There is nothing at this address. See $metadata for what there is.")


def _members(code: str) -> Collection:
    found = MarketingList.objects.filter(code=code).first() if "\0" not in code else None
    if found is None:
        raise not_found(f"There is no list {code[:200]}.")
    if found.last_regenerated_at is None:
        raise Refusal(409, "ListNotBuilt", f"MKT510 has not built list {code}. Run it first.")
    refresh_profiles()
    context = f"MarketingLists('{quote(code.replace(chr(39), chr(39) * 2))}')/Members"
    return Collection(member_entity(view_fields(), found.id), context, str(found.version), code)


def _one(request: HttpRequest, collection: Collection, key: dict[str, str]) -> HttpResponse:
    known_options(request.GET.dict(), ENTITY_OPTIONS)
    select = selected(request.GET.get("$select"), collection.entity)
    row = read_one(collection.entity, key, select)
    if row is None:
        raise not_found(f"There is no {collection.entity.name} with this key.")
    narrowed = "" if select == collection.entity.properties else _select_list(select)
    context = f"{_root(request)}$metadata#{collection.context}{narrowed}/$entity"
    return _json_response('{"@odata.context":' + json.dumps(context) + "," + _object(select, row)[1:])


def _many(request: HttpRequest, collection: Collection, options: Options) -> HttpResponse:
    if options.after is not None and options.after.version != collection.version:
        raise Refusal(
            410, "Gone", "The list was regenerated since the first page. Start again from the first page."
        )
    prefer = request.headers.get("Prefer", "")
    most = page_rows(prefer)
    tracked = _tracked(request, collection, options)
    page = read_page(collection.entity, options, most)
    narrowed = "" if options.selected_all else _select_list(options.select)
    parts = ['"@odata.context":' + json.dumps(f"{_root(request)}$metadata#{collection.context}{narrowed}")]
    if options.count:
        parts.append(f'"@odata.count":{count_rows(collection.entity, options.filter)}')
    parts.append('"value":[' + ",".join(_object(options.select, row) for row in page.rows) + "]")
    after = after_last(page, collection.version, tracked)
    if after is None and tracked is not None:
        parts.append(
            '"@odata.deltaLink":' + json.dumps(_link(request, _narrowed(request) | {"$deltatoken": tracked}))
        )
    if after is not None:
        left = None if options.top is None else options.top - len(page.rows)
        if left != 0:
            parts.append('"@odata.nextLink":' + json.dumps(_next_link(request, token_text(after), left)))
    applied = [f"odata.maxpagesize={most}"] if "maxpagesize" in prefer.lower() else []
    applied += ["odata.track-changes"] if tracked is not None else []
    return _applied(_json_response("{" + ",".join(parts) + "}"), applied)


def _tracked(request: HttpRequest, collection: Collection, options: Options) -> str | None:
    """The token for a delta link, where one is wanted: of the first page, taken before its rows are read.

    Of a part of a list (`$filter`, `$top`, `$skip`) or another order no changes are tracked: the preference is
    then not applied, as the answer's headers show.
    """
    if options.after is not None:
        return options.after.tracked
    if collection.members_of is None or not wants_changes_tracked(request.headers.get("Prefer", "")):
        return None
    if set(request.GET) - {"$select", "$format", "$count"}:
        return None
    with refusals():
        return present(collection.members_of).token.text


def _changes(request: HttpRequest, collection: Collection, given: dict[str, str]) -> HttpResponse:
    """What a delta link answers."""
    prefer = request.headers.get("Prefer", "")
    most = page_rows(prefer)
    code = collection.members_of or ""
    page = changes_page(code, collection.entity, given, _root(request), most)
    narrowed = _select_list(page.select) if "$select" in given else ""
    context = f"{_root(request)}$metadata#{collection.context}{narrowed}/$delta"
    link = "@odata.deltaLink" if page.is_last else "@odata.nextLink"
    parts = [
        '"@odata.context":' + json.dumps(context),
        '"value":[' + ",".join(page.values) + "]",
        f'"{link}":' + json.dumps(_link(request, page.following)),
    ]
    applied = [f"odata.maxpagesize={most}"] if "maxpagesize" in prefer.lower() else []
    return _applied(_json_response("{" + ",".join(parts) + "}"), applied)


def _applied(response: HttpResponse, preferences: Sequence[str]) -> HttpResponse:
    if preferences:
        response["Preference-Applied"] = ", ".join(preferences)
    return response


def _narrowed(request: HttpRequest) -> dict[str, str]:
    return {"$select": str(request.GET["$select"])} if "$select" in request.GET else {}


def _next_link(request: HttpRequest, token: str, left: int | None) -> str:
    given = request.GET.dict().items()
    options = {name: str(value) for name, value in given if name not in {"$skip", "$skiptoken", "$top"}}
    if left is not None:
        options["$top"] = str(left)
    return _link(request, options | {"$skiptoken": token})


def _link(request: HttpRequest, options: dict[str, str]) -> str:
    return request.build_absolute_uri(f"{quote(request.path)}?{urlencode(options)}")


def _object(select: Sequence[Property], row: tuple[str, ...]) -> str:
    return "{" + ",".join(f'"{found.name}":{value}' for found, value in zip(select, row, strict=True)) + "}"


def _select_list(select: Sequence[Property]) -> str:
    return "(" + ",".join(found.name for found in select) + ")"


def _json_response(body: str) -> HttpResponse:
    return HttpResponse(body, content_type=JSON_TYPE)


def _root(request: HttpRequest) -> str:
    """The service's root, ending with a slash, as the client reached it."""
    path = request.path
    resource = request.resolver_match.kwargs["resource"] if request.resolver_match else ""
    return request.build_absolute_uri(path[: len(path) - len(resource)])


def _entity_type(entity: Entity) -> str:
    key = "".join(f'<PropertyRef Name="{name}"/>' for name in entity.key)
    properties = "".join(_property(found) for found in entity.properties)
    members = ""
    if entity.name == "MarketingList":
        members = (
            f'<NavigationProperty Name="Members" Type="Collection({NAMESPACE}.Member)" ContainsTarget="true"/>'
        )
    return f"<EntityType Name={quoteattr(entity.name)}><Key>{key}</Key>{properties}{members}</EntityType>"


def _property(found: Property) -> str:
    nullable = "" if found.nullable else ' Nullable="false"'
    scale = ' Scale="variable"' if found.type == "Edm.Decimal" else ""
    return f"<Property Name={quoteattr(found.name)} Type={quoteattr(found.type)}{nullable}{scale}/>"
