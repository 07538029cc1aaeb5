"""Admin › Setup › Bridge Configurations: the connection, its test, the fields, the events (S22, S34)."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from rollkeeper.marketing.bridges.connection import open_connector
from rollkeeper.marketing.bridges.forms import BridgeForm, FieldForm
from rollkeeper.marketing.bridges.last_runs import last_runs
from rollkeeper.marketing.bridges.models import Bridge, PersonalizationField
from rollkeeper.marketing.bridges.rules import MAY_CONFIGURE
from rollkeeper.marketing.guard.limits import bridge_effect
from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.marketing.sync_runs.request import request_sync
from rollkeeper.marketing.sync_runs.rules import MAY_SYNC
from rollkeeper.sync.connector import ConnectorError
from rollkeeper.sync.events import Event, Kind


@require_GET
def bridges(request: HttpRequest) -> HttpResponse:
    """Every bridge with its state."""
    return render(request, "bridges/list.html", {"bridges": Bridge.objects.order_by("id")})


@require_GET
def bridge(request: HttpRequest, bridge_id: int) -> HttpResponse:
    """One bridge: connection, personalization fields, and what each event last did."""
    found = get_object_or_404(Bridge, pk=bridge_id)
    catalog_runs = SyncRun.objects.filter(bridge=found, group__isnull=True).select_related("bridge", "group")
    last_catalog_run = catalog_runs.order_by("-id").first()
    unfinished = (SyncRun.Status.WAITING, SyncRun.Status.RUNNING)
    context = {
        "bridge": found,
        "has_secret": bool(found.secret),
        "fields": found.fields.order_by("position", "id"),
        "events": last_runs(found),
        "run": last_catalog_run if last_catalog_run and last_catalog_run.status in unfinished else None,
        "last_run": last_catalog_run,
        "guard_effect": bridge_effect(found),
    }
    return render(request, "bridges/bridge.html", context)


@require_http_methods(["GET", "POST"])
@permission_required(MAY_CONFIGURE, raise_exception=True)
def change_bridge(request: HttpRequest, bridge_id: int) -> HttpResponse:
    """Change the connection. Nothing is fetched by it; Test connection says whether it works."""
    found = get_object_or_404(Bridge, pk=bridge_id)
    form = BridgeForm(request.POST if request.method == "POST" else None, instance=found)
    if form.is_valid():
        form.save()
        messages.success(request, "Saved. Test the connection to see whether it works.")
        return redirect("bridge", found.pk)
    return render(request, "bridges/change.html", {"bridge": Bridge.objects.get(pk=bridge_id), "form": form})


@require_POST
@permission_required(MAY_CONFIGURE, raise_exception=True)
def test_bridge(request: HttpRequest, bridge_id: int) -> HttpResponse:
    """Ask the CRM who it is, with this bridge's account and token, and say what it answered."""
    found = get_object_or_404(Bridge, pk=bridge_id)
    try:
        messages.success(request, f"The connection works. {open_connector(found).test()}")
    except ConnectorError as error:
        messages.error(request, f"The connection does not work. {error}")
    return redirect("bridge", found.pk)


@require_POST
@permission_required(MAY_SYNC, raise_exception=True)
def refresh_bridge(request: HttpRequest, bridge_id: int) -> HttpResponse:
    """Refresh Target Group List, from here (S22): a catalog sync of this bridge."""
    found = get_object_or_404(Bridge, pk=bridge_id)
    request_sync(found, Kind.CATALOG, Event.REFRESH_BRIDGE_CONFIGURATION, requested_by=request.user.get_username())
    return redirect("bridge", found.pk)


@require_http_methods(["GET", "POST"])
@permission_required(MAY_CONFIGURE, raise_exception=True)
def change_field(request: HttpRequest, bridge_id: int, field_id: int) -> HttpResponse:
    """Change a field's personalization default and comment."""
    field = get_object_or_404(PersonalizationField.objects.select_related("bridge"), pk=field_id, bridge=bridge_id)
    form = FieldForm(request.POST if request.method == "POST" else None, instance=field)
    if form.is_valid():
        form.save()
        messages.success(request, f"Saved: {field.label}.")
        return redirect("bridge", bridge_id)
    return render(request, "bridges/field.html", {"bridge": field.bridge, "field": field, "form": form})
