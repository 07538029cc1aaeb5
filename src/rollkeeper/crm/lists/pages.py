"""Marketing and Communication › List Maintenance: search, one list, its definition and frequency (S9–S12, S15)."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from rollkeeper.crm.lists.access import MAY_MAINTAIN
from rollkeeper.crm.lists.definition import save_list
from rollkeeper.crm.lists.errors import ListRefused
from rollkeeper.crm.lists.forms import OptionalInformationForm
from rollkeeper.crm.lists.history import MOST_VERSIONS, chart
from rollkeeper.crm.lists.models import DefinitionKind, Frequency, ListVersion, MarketingList
from rollkeeper.crm.lists.preview import preview
from rollkeeper.crm.lists.rules.sentence import as_json, sentence
from rollkeeper.web.paging import keyset_page


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
    if found.kind == DefinitionKind.MERGE:
        context = {"parts": found.parts.select_related("part").order_by("role", "part__code")}
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
    saved = save_list(
        found.code, None, frequency=chosen["frequency"], may_be_empty=chosen["may_be_empty"],
        author=request.user.get_username(), origin="List Maintenance page",
    )  # fmt: skip
    messages.success(request, f"Saved. Regeneration Frequency: {saved.get_frequency_display()}.")
    return redirect("list-optional", saved.code)


@require_POST
@permission_required(MAY_MAINTAIN, raise_exception=True)
def preview_list(request: HttpRequest, code: str) -> HttpResponse:
    """What a regeneration at this moment would do (B4). Nothing is written."""
    found = list_of(code)
    context: dict[str, object] = {"list": found, "tab": "preview"}
    try:
        context["preview"] = preview(found)
    except ListRefused as refusal:
        context["refusal"] = str(refusal)
    return render(request, "lists/preview.html", context)


def list_of(code: str) -> MarketingList:
    """The list of that code, or 404."""
    return get_object_or_404(MarketingList, code=code.replace("\x00", ""))


def tab_of(request: HttpRequest, found: MarketingList, tab: str, context: dict[str, object]) -> HttpResponse:
    """A list's page with one of its tabs."""
    return render(request, f"lists/{tab}.html", {"list": found, "tab": tab, **context})
