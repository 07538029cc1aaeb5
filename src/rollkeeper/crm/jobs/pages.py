"""Reporting › Jobs: run MKT510 and MKT600, and see what each run did to each list (S10–S13)."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from rollkeeper.crm.jobs.cancel import cancel
from rollkeeper.crm.jobs.counts import run_counts
from rollkeeper.crm.jobs.forms import Mkt510Form, Mkt600Form, RunFilter
from rollkeeper.crm.jobs.log import last_lines
from rollkeeper.crm.jobs.models import Job, JobListResult, JobRun, SetupCode
from rollkeeper.crm.jobs.request import JobRefused, request_failed_again, request_job
from rollkeeper.crm.jobs.rules import MAY_RUN
from rollkeeper.crm.lists.models import Frequency, MarketingList
from rollkeeper.web.paging import keyset_page

STOP_POLLING = 286  # htmx: this answer is the last
REFUSED = 422
LINES_SHOWN = 100  # of a run's log; all of it is a page of its own


@require_GET
def jobs(request: HttpRequest) -> HttpResponse:
    """The set-up codes, the two jobs to run, and every run, newest first."""
    return _jobs_page(request, Mkt510Form(), Mkt600Form())


@require_POST
@permission_required(MAY_RUN, raise_exception=True)
def run_mkt510(request: HttpRequest) -> HttpResponse:
    """Ask for a run of MKT510 for one list; a worker performs it."""
    form = Mkt510Form(request.POST)
    if form.is_valid() and (run := _requested(request, form, Job.MKT510, list_code=form.cleaned_data["list_code"])):
        return redirect("job-run", run.pk)
    return _jobs_page(request, form, Mkt600Form(), status=REFUSED)


@require_POST
@permission_required(MAY_RUN, raise_exception=True)
def run_mkt600(request: HttpRequest) -> HttpResponse:
    """Ask for a run of MKT600 under a set-up code; a worker performs it."""
    form = Mkt600Form(request.POST)
    if form.is_valid():
        chosen = form.cleaned_data
        parameters = {"setup_code": chosen["setup_code"].code, "list_code": chosen["list_code"]}
        if run := _requested(request, form, Job.MKT600, **parameters):
            return redirect("job-run", run.pk)
    return _jobs_page(request, Mkt510Form(), form, status=REFUSED)


def _requested(request: HttpRequest, form: Mkt510Form | Mkt600Form, job: Job, **parameters: str) -> JobRun | None:
    """The run that was recorded; None where it was refused, and the form then says why."""
    try:
        return request_job(job, **parameters, requested_by=request.user.get_username())
    except JobRefused as refusal:
        form.add_error(None, str(refusal))
        return None


def _jobs_page(request: HttpRequest, mkt510: Mkt510Form, mkt600: Mkt600Form, status: int = 200) -> HttpResponse:
    filters = RunFilter(request.GET)
    runs = JobRun.objects.select_related("setup_code")
    if state := filters.state_wanted():
        runs = runs.filter(state=state)
    context = {
        "mkt510": mkt510,
        "mkt600": mkt600,
        "setup_codes": _setup_codes(),
        "filters": filters,
        "state": state,
        "page": keyset_page(runs, request, ("id",), descending=True, size=25),
    }
    return render(request, "jobs/jobs.html", context, status=status)


def _setup_codes() -> list[tuple[SetupCode, int]]:
    """Each set-up code with how many lists a run of it touches (S12)."""
    by_frequency: dict[str, int] = dict(
        MarketingList.objects.order_by().values_list("frequency").annotate(lists=Count("id"))
    )
    always = by_frequency.get(Frequency.ALWAYS, 0)
    return [
        (setup, 1 if setup.list_code else by_frequency.get(setup.frequency, 0) + always)
        for setup in SetupCode.objects.order_by("job", "code")
    ]


@require_GET
def job_run(request: HttpRequest, run_id: int) -> HttpResponse:
    """One run: its state while it works, then what it did to each list, why, with how many members."""
    return render(request, "jobs/run.html", _run_context(request, run_id))


@require_GET
def progress(request: HttpRequest, run_id: int) -> HttpResponse:
    """The living part of a run's page. With the run's end it is the last one, and says so aloud."""
    context = _run_context(request, run_id)
    return render(request, "jobs/progress.html", context, status=200 if context["is_live"] else STOP_POLLING)


def _run_context(request: HttpRequest, run_id: int) -> dict[str, Any]:
    run = get_object_or_404(JobRun.objects.select_related("setup_code"), pk=run_id)
    outcome = request.GET.get("outcome", "")
    results = JobListResult.objects.filter(run=run).select_related("list")
    if outcome in JobListResult.Outcome.values:
        results = results.filter(outcome=outcome)
    lines = last_lines(run, LINES_SHOWN + 1)
    return {
        "run": run,
        "counts": run_counts(run),
        "outcome": outcome,
        "outcomes": JobListResult.Outcome.choices,
        "page": keyset_page(results.defer("list__rule", "list__sql"), request, ("id",), descending=True),
        "is_live": not run.has_ended,
        "lines": lines[-LINES_SHOWN:],
        "has_older_lines": len(lines) > LINES_SHOWN,
    }


@require_GET
def run_log(request: HttpRequest, run_id: int) -> StreamingHttpResponse:
    """The whole log of a run, as plain text."""
    run = get_object_or_404(JobRun, pk=run_id)
    lines = (
        f"{timezone.localtime(line.at).isoformat(timespec='seconds')} {line.tone} {line.text}\n"
        for line in run.log.iterator(chunk_size=1000)
    )
    return StreamingHttpResponse(lines, content_type="text/plain; charset=utf-8")


@require_POST
@permission_required(MAY_RUN, raise_exception=True)
def cancel_run(request: HttpRequest, run_id: int) -> HttpResponse:
    """Stop a run before its next list."""
    get_object_or_404(JobRun, pk=run_id)
    run = cancel(run_id, cancelled_by=request.user.get_username())
    if run.state == JobRun.State.CANCELLED:
        messages.success(request, "Cancelled.")
    elif run.has_ended:
        messages.info(request, "The run had ended already.")
    else:
        messages.success(request, "It ends after the list that it is at.")
    return redirect("job-run", run_id)


@require_POST
@permission_required(MAY_RUN, raise_exception=True)
def run_failed_again(request: HttpRequest, run_id: int) -> HttpResponse:
    """Ask for a run that does only the lists that failed in this one."""
    run = get_object_or_404(JobRun, pk=run_id)
    try:
        again = request_failed_again(run, requested_by=request.user.get_username())
    except JobRefused as refusal:
        messages.error(request, str(refusal))
        return redirect("job-run", run_id)
    return redirect("job-run", again.pk)
