"""What *Edit contact information* sends: the version that was seen, both flags, and each address's mark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from rollkeeper.crm.constituents.contact import Contact
from rollkeeper.crm.constituents.models import Constituent, EmailAddress

ADDRESS = "do_not_solicit_"
YES_NO = [("yes", "Yes"), ("no", "No")]


class ContactForm(forms.Form):
    """The flags are radio pairs; each address has a hidden field, which its wrench menu sets."""

    version = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
    allow_solicitation = forms.ChoiceField(choices=[("yes", "True"), ("no", "False")], widget=forms.RadioSelect)
    allow_email = forms.ChoiceField(choices=[("yes", "True"), ("no", "False")], widget=forms.RadioSelect)

    def __init__(self, constituent: Constituent, addresses: Sequence[EmailAddress], data: Any = None) -> None:
        super().__init__(
            data,
            initial={
                "version": constituent.version,
                "allow_solicitation": _word(constituent.allow_solicitation),
                "allow_email": _word(constituent.allow_email),
            },
        )
        self.addresses = addresses
        for address in addresses:
            self.fields[f"{ADDRESS}{address.pk}"] = forms.ChoiceField(
                choices=YES_NO, initial=_word(address.do_not_solicit), required=False, widget=forms.HiddenInput
            )

    def marked(self, address: EmailAddress) -> bool:
        """What the form says of an address, saved or not."""
        return bool(self[f"{ADDRESS}{address.pk}"].value() == "yes")

    def contact(self) -> Contact:
        """The permissions as they shall be. For a valid form; an address that was not sent stays as it is."""
        sent = self.cleaned_data
        marks = {address.pk: sent[f"{ADDRESS}{address.pk}"] for address in self.addresses}
        return Contact(
            allow_solicitation=sent["allow_solicitation"] == "yes",
            allow_email=sent["allow_email"] == "yes",
            do_not_solicit={pk: mark == "yes" for pk, mark in marks.items() if mark},
        )


def _word(flag: bool) -> str:
    return "yes" if flag else "no"
