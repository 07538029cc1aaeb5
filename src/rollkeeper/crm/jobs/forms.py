"""What the jobs' pages send. Whether a job can run so is the domain's to say (`request.py`, `setup_codes.py`)."""

from __future__ import annotations

from typing import Any

from django import forms

from rollkeeper.crm.jobs.models import Job, JobRun, SetupCode
from rollkeeper.crm.jobs.setup_codes import FREQUENCIES, LONGEST_DESCRIPTION

LIST_CODE = {"autocomplete": "off", "spellcheck": "false", "class": "mono"}


class Mkt510Form(forms.Form):
    """MKT510: ad hoc, for one list (S10)."""

    list_code = forms.CharField(label="List Code", max_length=60, widget=forms.TextInput(attrs=LIST_CODE))


class Mkt600Form(forms.Form):
    """MKT600: a set-up code, and a List Code to narrow the run to one list (S12)."""

    setup_code = forms.ModelChoiceField(
        SetupCode.objects.filter(job=Job.MKT600).order_by("code"),
        label="Setup Code",
        empty_label="Choose a set-up code",
    )
    list_code = forms.CharField(
        label="List Code (optional)", max_length=60, required=False, widget=forms.TextInput(attrs=LIST_CODE)
    )


class RunFilter(forms.Form):
    """Which runs to list. What is left empty does not narrow."""

    state = forms.ChoiceField(required=False, choices=[("", "Any state"), *JobRun.State.choices])

    def state_wanted(self) -> str:
        """The state, or "" for any; a value that is none of the choices is left out."""
        self.is_valid()
        return str(self.cleaned_data.get("state", ""))


class SetupCodeForm(forms.Form):
    """The parameters of a set-up code; each job takes those that it has."""

    frequency = forms.ChoiceField(
        label="Regeneration Frequency",
        required=False,
        choices=[("", "None (MKT510)"), *((each.value, each.label) for each in FREQUENCIES)],
        help_text="MKT600 regenerates the lists of this frequency, and those with Always. "
        "One set-up code a frequency.",
    )
    list_code = forms.CharField(
        label="List Code",
        max_length=60,
        required=False,
        widget=forms.TextInput(attrs=LIST_CODE),
        help_text="MKT510: the list to build. MKT600: leave empty for all lists of the frequency, "
        "or give one, which must have that frequency.",
    )
    description = forms.CharField(label="Description", max_length=LONGEST_DESCRIPTION, required=False)


class NewSetupCodeForm(SetupCodeForm):
    """A set-up code that is not there yet."""

    code = forms.CharField(
        label="Setup Code",
        max_length=30,
        widget=forms.TextInput(attrs=LIST_CODE),
        help_text="Capital letters, digits, _ and -, such as NIGHTLY. It stays.",
    )
    job = forms.ChoiceField(label="Job", choices=Job.choices, initial=Job.MKT600)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.order_fields(["code", "job"])
