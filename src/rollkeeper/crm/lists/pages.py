"""Marketing and Communication › List Maintenance: search, one list, its definition and frequency (S9–S12, S15)."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from rollkeeper.crm.lists.access import MAY_MAINTAIN
from rollkeeper.crm.lists.definition import save_list
from rollkeeper.crm.lists.errors import ListRefused
from rollkeeper.crm.lists.forms import DefinitionForm, NewListForm, OptionalInformationForm, id_file
from rollkeeper.crm.lists.history import MOST_VERSIONS, chart
from rollkeeper.crm.lists.imported_ids import IdFile
from rollkeeper.crm.lists.models import DefinitionKind, Frequency, ListVersion, MarketingList
from rollkeeper.crm.lists.rules.sentence import as_json, sentence
from rollkeeper.web.paging import keyset_page

NAMED_LINES = 20  # set-aside lines that the page names


@require_GET
def lists(request: HttpRequest) -> HttpResponse:
    """All lists, or those whose code or name contains a text, or of one frequency."""
    text = request.GET.get("q", "").replace("\x00", "").strip()
    frequency = request.GET.get("frequency", "")
    found = MarketingList.objects.defer("rule", "sql")
    if text:
        found = found.filter(Q(code__icontains=text) | Q(name__icontains=text))
    if frequency in Frequency.values:
        found = found.filter(frequency=frequency)
    context = {
        "page": keyset_page(found, request, ("code",)),
        "text": text,
        "frequency": frequency,
        "frequencies": Frequency.choices,
    }
    return render(request, "lists/list_maintenance.html", context)


@require_GET
def definition(request: HttpRequest, code: str) -> HttpResponse:
    """What the list is made of, readably."""
    found = list_of(code)
    context: dict[str, object] = {}
    if found.kind == DefinitionKind.RULE and found.rule is not None:
        context = {"sentence": sentence(found.rule), "json": as_json(found.rule)}
    if found.kind == DefinitionKind.IDS:
        context = {"ids": found.imported_ids.count()}
    return tab_of(request, found, "definition", context)


@require_GET
def history(request: HttpRequest, code: str) -> HttpResponse:
    """Every regeneration with who came and who went, newest first; a chart of the latest ones."""
    found = list_of(code)
    versions = ListVersion.objects.filter(list=found)
    page = keyset_page(versions, request, ("number",), descending=True)
    latest = list(versions.order_by("-number")[:MOST_VERSIONS])
    return tab_of(request, found, "history", {"page": page, "chart": chart(latest)})


@require_http_methods(["GET", "POST"])
def optional_information(request: HttpRequest, code: str) -> HttpResponse:
    """Optional Information: the Regeneration Frequency, and Save (S9, S12). Others read it."""
    found = list_of(code)
    if request.method == "POST":
        return _save_optional_information(request, found)
    return tab_of(request, found, "optional", {"form": OptionalInformationForm(instance=found)})


@permission_required(MAY_MAINTAIN, raise_exception=True)
def _save_optional_information(request: HttpRequest, found: MarketingList) -> HttpResponse:
    form = OptionalInformationForm(request.POST, instance=list_of(found.code))
    if not form.is_valid():
        return tab_of(request, found, "optional", {"form": form})
    chosen = form.cleaned_data
    saved = save_list(found.code, None, frequency=chosen["frequency"], may_be_empty=chosen["may_be_empty"])
    messages.success(request, f"Saved. Regeneration Frequency: {saved.get_frequency_display()}.")
    return redirect("list-optional", saved.code)


@require_http_methods(["GET", "POST"])
@permission_required(MAY_MAINTAIN, raise_exception=True)
def create(request: HttpRequest) -> HttpResponse:
    """Create a list. It has no members before MKT510 builds it (S10)."""
    form = NewListForm(request.POST or None, request.FILES or None)
    if form.is_valid():
        made = form.cleaned_data
        options = {"frequency": made["frequency"], "may_be_empty": made["may_be_empty"], "is_new": True}
        if saved := _saved(request, form, made["code"], options):
            messages.success(request, f"Created {saved.code}. Run MKT510 to build it for the first time.")
            return redirect("list-definition", saved.code)
    return render(request, "lists/create.html", {"form": form})


@require_http_methods(["GET", "POST"])
@permission_required(MAY_MAINTAIN, raise_exception=True)
def change_definition(request: HttpRequest, code: str) -> HttpResponse:
    """Change a list's name and definition. The members change when a job regenerates it (S15)."""
    found = list_of(code)
    form = DefinitionForm(request.POST or None, request.FILES or None, initial=_initial(found))
    if form.is_valid() and _saved(request, form, found.code, {}):
        messages.success(request, "Saved. The members change at the next regeneration.")
        return redirect("list-definition", found.code)
    return render(request, "lists/change.html", {"list": found, "form": form})


def _saved(request: HttpRequest, form: DefinitionForm, code: str, options: dict[str, Any]) -> MarketingList | None:
    """The list as the form says it; None where it was refused, and the form then says why."""
    made = form.cleaned_data
    try:
        if made["ids"] is None:
            return save_list(code, made["name"], rule=made["rule"], sql=made["sql"], **options)
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


def list_of(code: str) -> MarketingList:
    """The list of that code, or 404."""
    return get_object_or_404(MarketingList, code=code.replace("\x00", ""))


def _initial(found: MarketingList) -> dict[str, object]:
    rule = as_json(found.rule) if found.rule is not None else ""
    return {"name": found.name, "kind": found.kind, "rule": rule, "sql": found.sql}


def tab_of(request: HttpRequest, found: MarketingList, tab: str, context: dict[str, object]) -> HttpResponse:
    """A list's page with one of its tabs."""
    return render(request, f"lists/{tab}.html", {"list": found, "tab": tab, **context})
