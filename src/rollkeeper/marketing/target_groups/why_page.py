"""Why is this person in the target group or not: each step of the reason, on a page (B5)."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from rollkeeper.marketing.subscribers.models import Subscriber
from rollkeeper.marketing.target_groups import why, why_facts
from rollkeeper.marketing.target_groups.models import TargetGroup


@require_GET
def why_person(request: HttpRequest, group_id: int) -> HttpResponse:
    """The steps for one person (`?master=…&sub=…`). The CRM is asked while the page waits; it may not answer."""
    group = get_object_or_404(TargetGroup.objects.select_related("bridge"), pk=group_id)
    ids = {"master_customer_id": request.GET.get("master", ""), "sub_customer_id": request.GET.get("sub", "")}
    if not all(ids.values()) or any("\x00" in part for part in ids.values()):
        raise Http404
    context = {
        "group": group,
        "customer_id": "-".join(ids.values()),
        "person": Subscriber.objects.filter(bridge=group.bridge, **ids).first(),
        "explanation": why.explain(why_facts.find(group, **ids)),
    }
    return render(request, "target_groups/why.html", context)
