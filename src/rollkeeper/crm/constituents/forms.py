"""What *Edit contact information* sends: both flags, each address as it shall be, and addresses to add."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from rollkeeper.crm.constituents.addresses import LOCATIONS, Address, Problem
from rollkeeper.crm.constituents.contact import Contact
from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.crm.constituents.record_form import RecordForm, text
from rollkeeper.crm.constituents.seen import Shown

MARK = "do_not_solicit_"
NEW = tuple(f"new_{number}" for number in range(3))  # addresses that one Save can add
TRUE_FALSE = [("yes", "True"), ("no", "False")]
PARTS = {"address_": "address", "location_": "location", "active_": "active", MARK: "Do Not Solicit by Email"}


class ContactForm(RecordForm):
    """The flags are radio pairs; each address has its fields under its id, the new ones under `new_0` and so on.

    The mark of an address is a hidden field, which its wrench menu sets. What was not sent stays as it is.
    """

    allow_solicitation = forms.ChoiceField(choices=TRUE_FALSE, widget=forms.RadioSelect)
    allow_email = forms.ChoiceField(choices=TRUE_FALSE, widget=forms.RadioSelect)
    primary = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self, constituent: Constituent, addresses: Sequence[Address], data: Any = None, *, typed: Any = None
    ) -> None:
        super().__init__(_shown(constituent, addresses), constituent.version, data, typed=typed)
        self.addresses = addresses
        for address in addresses:
            self._add_fields(str(address.id), removable=True)
        for key in NEW:
            self._add_fields(key, removable=False)

    def _add_fields(self, key: str, *, removable: bool) -> None:
        locations = dict.fromkeys([*LOCATIONS, str(self.shown.get(f"location_{key}", "WORK"))])
        choices = [(code, code.capitalize() if code in LOCATIONS else code) for code in locations]
        self.fields[f"address_{key}"] = text(label="E-mail address", initial="")
        self.fields[f"location_{key}"] = forms.ChoiceField(
            choices=choices, required=False, label="Location", initial="WORK"
        )
        self.fields[f"{MARK}{key}"] = forms.ChoiceField(
            choices=[("yes", "Yes"), ("no", "No")], required=False, widget=forms.HiddenInput, initial="no"
        )
        if removable:
            self.fields[f"active_{key}"] = forms.BooleanField(required=False, label="Active")
            self.fields[f"remove_{key}"] = forms.BooleanField(
                required=False, label="Remove this address", initial=False
            )

    def was_sent(self, name: str) -> bool:
        """An address's check boxes came if the address did."""
        key = name.rpartition("_")[2]
        if name.startswith(("active_", "remove_")):
            return f"address_{key}" in self.data
        return super().was_sent(name)

    def marked(self, key: str) -> bool:
        """What the form says of an address's mark, saved or not."""
        return bool(self[f"{MARK}{key}"].value() == "yes")

    def contact(self) -> Contact:
        """The contact information as it shall be. For a valid form."""
        sent = self.cleaned_data
        primary = sent["primary"] if "primary" in self.data else str(self.shown["primary"])
        kept = [self._kept(address, primary) for address in self.addresses if not sent[f"remove_{address.id}"]]
        added = [
            Address(
                None, sent[f"address_{key}"], sent[f"location_{key}"] or "WORK", key == primary,
                do_not_solicit=sent[f"{MARK}{key}"] == "yes", key=key,
            )
            for key in NEW
            if sent[f"address_{key}"]
        ]  # fmt: skip
        return Contact(sent["allow_solicitation"] == "yes", sent["allow_email"] == "yes", (*kept, *added))

    def _kept(self, address: Address, primary: str) -> Address:
        sent, key = self.cleaned_data, str(address.id)
        is_primary = key == primary
        mark = sent[f"{MARK}{key}"]
        do_not_solicit = mark == "yes" if mark else address.do_not_solicit
        if f"address_{key}" not in self.data:
            return Address(
                address.id, address.address, address.location_code, is_primary, address.is_active, do_not_solicit
            )
        location = sent[f"location_{key}"] or address.location_code
        return Address(
            address.id, sent[f"address_{key}"], location, is_primary, sent[f"active_{key}"], do_not_solicit
        )

    def refuse(self, problems: Sequence[Problem]) -> None:
        """Say beside the fields what cannot be."""
        for problem in problems:
            of = problem.of
            self.add_error(f"address_{of.id or of.key}" if of is not None else "primary", problem.sentence)

    def label_of(self, name: str) -> str:
        """What the conflict page calls a field."""
        if name in {"allow_solicitation", "allow_email"}:
            return {"allow_solicitation": "Allow Solicitation", "allow_email": "Allow Email"}[name]
        if name == "primary":
            return "Primary address"
        part, key = next((part, name.removeprefix(part)) for part in PARTS if name.startswith(part))
        address = next((found.address for found in self.addresses if str(found.id) == key), "")
        return f"{PARTS[part]} of {address}" if part != "address_" else "E-mail address"

    def words_of(self, name: str, value: Shown | None) -> str:
        """What the conflict page calls a value."""
        if name == "primary":
            return next((found.address for found in self.addresses if str(found.id) == value), "") or "none"
        if value is None:
            return "none"
        if name.startswith("active_"):
            return "Yes" if value else "No"
        return {"yes": "True", "no": "False"}.get(str(value), str(value) or "empty")


def _shown(constituent: Constituent, addresses: Sequence[Address]) -> dict[str, Shown]:
    primary = next((str(address.id) for address in addresses if address.is_primary), "")
    shown: dict[str, Shown] = {
        "allow_solicitation": _word(constituent.allow_solicitation),
        "allow_email": _word(constituent.allow_email),
        "primary": primary or ("" if addresses else NEW[0]),
    }
    for address in addresses:
        shown[f"address_{address.id}"] = address.address
        shown[f"location_{address.id}"] = address.location_code
        shown[f"active_{address.id}"] = address.is_active
        shown[f"{MARK}{address.id}"] = _word(address.do_not_solicit)
    return shown


def _word(flag: bool) -> str:
    return "yes" if flag else "no"
