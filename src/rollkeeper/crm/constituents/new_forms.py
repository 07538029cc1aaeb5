"""The steps of *Create New Constituent*: name, contact information, Special Info (S3)."""

from __future__ import annotations

from typing import Any

from django import forms

from rollkeeper.crm.constituents.addresses import LOCATIONS
from rollkeeper.crm.constituents.csv_rows import ID_LIMIT
from rollkeeper.crm.constituents.details import NAMELESS, RECORD_TYPES, is_nameless
from rollkeeper.crm.constituents.forms import TRUE_FALSE
from rollkeeper.crm.constituents.new_constituent import NO_SOLICITATION, is_taken, taken
from rollkeeper.crm.constituents.record_form import text
from rollkeeper.sync.address import is_valid


class NameStep(forms.Form):
    """Who it is."""

    record_type = forms.ChoiceField(choices=list(RECORD_TYPES.items()), initial="I", label="Record type")
    name_prefix = text(label="Prefix")
    first_name = text(label="First name")
    middle_name = text(label="Middle name")
    last_name = text(label="Last name")
    name_suffix = text(label="Suffix")
    credentials = text(label="Credentials")
    label_name = text(label="Label name", help_text="The name on a label. Left empty: first and last name.")
    organization = text(label="Organization", help_text="Of a company, its name; of a person, where they work.")
    job_title = text(label="Job title")
    master_customer_id = text(
        label="Customer id", limit=ID_LIMIT, help_text="Left empty: the next free one is given when you save."
    )

    def clean_master_customer_id(self) -> str:
        master: str = self.cleaned_data["master_customer_id"]
        if master and is_taken(master):
            raise forms.ValidationError(taken(master))
        return master

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if is_nameless(cleaned):
            self.add_error("last_name", NAMELESS)
        return cleaned


class ContactStep(forms.Form):
    """Where it can be reached."""

    email = text(label="E-mail address", help_text="It becomes the primary address. Left empty: none is known.")
    location_code = forms.ChoiceField(
        choices=[(code, code.capitalize()) for code in LOCATIONS], initial="WORK", label="Location of the address"
    )
    city = text(label="City")
    state = text(label="State")
    postal_code = text(label="Postal code")
    country = text(label="Country")
    chapter = text(label="Chapter")

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if email and not is_valid(email):
            raise forms.ValidationError(
                f"“{email}” is no e-mail address: it needs a name, an @ and a domain, such as ada@example.org."
            )
        return email


class SpecialStep(forms.Form):
    """Whether it may be e-mailed."""

    allow_solicitation = forms.ChoiceField(choices=TRUE_FALSE, widget=forms.RadioSelect, initial="yes")
    allow_email = forms.ChoiceField(choices=TRUE_FALSE, widget=forms.RadioSelect, initial="yes")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("allow_email") == "yes" and cleaned.get("allow_solicitation") == "no":
            self.add_error("allow_email", NO_SOLICITATION)  # S4
        return cleaned
