"""What the jobs' page sends. Whether a job can run so is the domain's to say (`request.py`)."""

from __future__ import annotations

from django import forms

from rollkeeper.crm.jobs.models import JobRun, SetupCode

LIST_CODE = {"autocomplete": "off", "spellcheck": "false", "class": "mono"}


class Mkt510Form(forms.Form):
    """MKT510: ad hoc, for one list (S10)."""

    list_code = forms.CharField(label="List Code", max_length=60, widget=forms.TextInput(attrs=LIST_CODE))


class Mkt600Form(forms.Form):
    """MKT600: a set-up code, and a List Code to narrow the run to one list (S12)."""

    setup_code = forms.ModelChoiceField(
        SetupCode.objects.order_by("code"), label="Setup Code", empty_label="Choose a set-up code"
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
