"""Creating a list and changing its definition; the rule builder, which saves nothing before Save (B16)."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from rollkeeper.crm.lists.access import MAY_MAINTAIN
from rollkeeper.crm.lists.definition import check_definition, save_list
from rollkeeper.crm.lists.errors import ListRefused
from rollkeeper.crm.lists.forms import DefinitionForm, NewListForm, id_file
from rollkeeper.crm.lists.imported_ids import IdFile
from rollkeeper.crm.lists.models import ListPart, MarketingList
from rollkeeper.crm.lists.pages import list_of
from rollkeeper.crm.lists.parts import Merge, checked_parts
from rollkeeper.crm.lists.preview import preview
from rollkeeper.crm.lists.rules.attributes import field_catalogue
from rollkeeper.crm.lists.rules.builder import Fields, view
from rollkeeper.crm.lists.rules.draft import MOST_NODES, Rule, Sent, changed, empty_rule, nodes, read, was_built
from rollkeeper.crm.lists.rules.result import result
from rollkeeper.crm.lists.rules.sentence import as_json

ORIGIN = "List Maintenance page"
NAMED_LINES = 20  # set-aside lines that the page names


@require_http_methods(["GET", "POST"])
@permission_required(MAY_MAINTAIN, raise_exception=True)
def create(request: HttpRequest) -> HttpResponse:
    """Create a list. It has no members before MKT510 builds it (S10)."""
    form = NewListForm(_data(request), request.FILES or None)
    if "do" not in request.POST and form.is_valid():
        made = form.cleaned_data
        options = {"frequency": made["frequency"], "may_be_empty": made["may_be_empty"], "is_new": True}
        if saved := _saved(request, form, made["code"], options):
            messages.success(request, f"Created {saved.code}. Run MKT510 to build it for the first time.")
            return redirect("list-definition", saved.code)
    context = {"form": form, **_builder(request, empty_rule()), **_previewed(request, form, MarketingList())}
    return render(request, "lists/create.html", context)


@require_http_methods(["GET", "POST"])
@permission_required(MAY_MAINTAIN, raise_exception=True)
def change_definition(request: HttpRequest, code: str) -> HttpResponse:
    """Change a list's name and definition. The members change when a job regenerates it (S15)."""
    found = list_of(code)
    form = DefinitionForm(_data(request), request.FILES or None, initial=_initial(found))
    if "do" not in request.POST and form.is_valid() and _saved(request, form, found.code, {}):
        messages.success(request, "Saved. The members change at the next regeneration.")
        return redirect("list-definition", found.code)
    stored = found.rule if found.rule is not None else empty_rule()
    context = {"list": found, "form": form, **_builder(request, stored), **_previewed(request, form, found)}
    return render(request, "lists/change.html", context)


@require_POST
@permission_required(MAY_MAINTAIN, raise_exception=True)
def rule_builder(request: HttpRequest) -> HttpResponse:
    """The builder after a button or a choice, or (`do` is `count`) only what the rule finds. Nothing is kept."""
    context = _builder(request, empty_rule())
    only_result = request.POST.get("do") == "count" or "rule" not in context
    return render(request, "lists/rule_result.html" if only_result else "lists/rule_builder.html", context)


def _data(request: HttpRequest) -> QueryDict | None:
    """What was sent, the builder's fields read as the rule that they are; None where nothing was."""
    if request.method != "POST":
        return None
    data = request.POST.copy()
    if was_built(_sent(request)):
        rule = changed(read(_sent(request), field_catalogue()), request.POST.get("do", "")).rule
        data["rule"] = json.dumps(rule, ensure_ascii=False)
    return data


def _builder(request: HttpRequest, stored: Rule) -> dict[str, object]:
    """The rule as the builder shows it, with what it finds; nothing where it is edited as JSON."""
    rule, focus = stored, ""
    if request.method == "POST":
        if not was_built(_sent(request)):
            return {}
        after = changed(read(_sent(request), field_catalogue()), request.POST.get("do", ""))
        rule, focus = after.rule, after.path if "do" in request.POST else ""
    elif request.GET.get("as") == "json" or nodes(rule) > MOST_NODES:
        return {"too_long": nodes(rule) > MOST_NODES}
    catalogue = field_catalogue()
    return {
        "rule": view(rule, catalogue),
        "fields": Fields(catalogue),
        "result": result(rule, timezone.localdate()),
        "focus": focus,
        "is_full": nodes(rule) >= MOST_NODES,
    }


def _previewed(request: HttpRequest, form: DefinitionForm, found: MarketingList) -> dict[str, object]:
    """Who would come and go with the definition on the page, where that was asked (B4). Nothing is kept."""
    if request.POST.get("do") != "preview" or not form.is_valid():
        return {}
    made = form.cleaned_data
    draft = MarketingList(pk=found.pk, code=found.code, version=found.version, kind=made["kind"])
    draft.rule, draft.sql = made["rule"], made["sql"] or ""
    try:
        if made["ids"] is not None:
            raise ListRefused("A file of ids is read when it is saved. Save, then Preview on the list's page.")
        check_definition(rule=made["rule"], sql=made["sql"])
        merge: Merge | None = made["combined"]
        return {"preview": preview(draft, None if merge is None else checked_parts(found.pk, merge))}
    except ListRefused as refusal:
        form.add_error(None, str(refusal))
        return {}


def _sent(request: HttpRequest) -> Sent:
    return dict(request.POST.lists())


def _saved(request: HttpRequest, form: DefinitionForm, code: str, options: dict[str, Any]) -> MarketingList | None:
    """The list as the form says it; None where it was refused, and the form then says why."""
    made = form.cleaned_data
    options = {**options, "author": request.user.get_username(), "origin": ORIGIN}
    try:
        if made["ids"] is None:
            return save_list(
                code, made["name"], rule=made["rule"], sql=made["sql"], merge=made["combined"], **options
            )
        with id_file(made["ids"]) as ids:
            saved = save_list(code, made["name"], ids=ids, **options)
            _report(request, ids)
            return saved
    except ListRefused as refusal:
        form.add_error(None, str(refusal))
        return None


def _report(request: HttpRequest, ids: IdFile) -> None:
    """Say how many ids were read, and which lines were set aside."""
    messages.info(request, f"Read {ids.read:,} customer ids.")
    if ids.set_aside_count:
        named = "; ".join(f"line {line.line}: {line.reason}" for line in ids.set_aside[:NAMED_LINES])
        more = ids.set_aside_count - NAMED_LINES
        rest = f"; and {more:,} more" if more > 0 else ""
        messages.warning(request, f"Set aside {ids.set_aside_count:,} lines: {named}{rest}.")


def _initial(found: MarketingList) -> dict[str, object]:
    rule = as_json(found.rule) if found.rule is not None else ""
    codes = {
        role.value: "\n".join(
            found.parts.filter(role=role).order_by("part__code").values_list("part__code", flat=True)
        )
        for role in ListPart.Role
    }
    return {"name": found.name, "kind": found.kind, "rule": rule, "sql": found.sql, **codes}
