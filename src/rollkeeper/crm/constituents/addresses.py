"""A constituent's e-mail addresses, as they are and as they shall be: what may be, and what it takes (S6). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rollkeeper.crm.audit.record import Value
from rollkeeper.sync.address import is_valid

LONGEST = 255
LOCATIONS = ("WORK", "HOME", "OTHER")


@dataclass(frozen=True, slots=True)
class Address:
    """One address. `id` None: it is new; `key` then tells several new ones apart."""

    id: int | None
    address: str
    location_code: str = "WORK"
    is_primary: bool = False
    is_active: bool = True
    do_not_solicit: bool = False
    key: str = ""

    @property
    def stored_id(self) -> int:
        """The id of one that is stored."""
        assert self.id is not None  # noqa: S101  # a programmer's error
        return self.id

    def facts(self) -> dict[str, Value]:
        """What the change log keeps of it, but for permission, which has a record of its own."""
        return {
            "address": self.address,
            "location_code": self.location_code,
            "is_primary": self.is_primary,
            "is_active": self.is_active,
        }


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an address cannot be so: which one (None: all together), and a sentence."""

    of: Address | None
    sentence: str


class AddressesRefused(ValueError):
    """The addresses cannot be so; `problems` say why."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(" ".join(problem.sentence for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class AddressPlan:
    """What it takes: addresses to add, to change (as they were, as they shall be), to remove."""

    added: list[Address]
    changed: list[tuple[Address, Address]]
    removed: list[Address]


def decide(stored: Sequence[Address], wanted: Sequence[Address]) -> AddressPlan:
    """From the stored addresses to the wanted ones. A wanted one that is stored no more is left out."""
    kept = {address.id: address for address in wanted if address.id is not None}
    pairs = [(old, kept[old.id]) for old in stored if old.id in kept]
    return AddressPlan(
        added=[address for address in wanted if address.id is None],
        changed=[(old, new) for old, new in pairs if old != new],
        removed=[old for old in stored if old.id not in kept],
    )


def problems(stored: Sequence[Address], wanted: Sequence[Address]) -> list[Problem]:
    """What cannot be. What is as it was is never one: an import may have brought it."""
    before = {address.id: address for address in stored}
    found: list[Problem] = []
    for place, address in enumerate(wanted):
        old = before.get(address.id) if address.id is not None else None
        if (old is None or old.address != address.address) and (
            sentence := _wrong(address, [*wanted[:place], *wanted[place + 1 :]])
        ):
            found.append(Problem(address, sentence))
        if address.is_primary and not address.is_active and (old is None or old != address):
            found.append(
                Problem(
                    address,
                    f"{address.address} cannot be both primary and inactive: nothing could be sent. "
                    "Make it active, or choose another primary address.",
                )
            )
    active = [address for address in wanted if address.is_active]
    had_primary = any(address.is_primary for address in stored)
    if active and not any(address.is_primary for address in wanted) and (had_primary or not stored):
        found.append(
            Problem(None, "Choose which of the addresses is the primary one: it decides, and gets the mail.")
        )
    return found


def _wrong(address: Address, others: Sequence[Address]) -> str:
    if not is_valid(address.address) or len(address.address) > LONGEST:
        return (
            f"“{address.address}” is no e-mail address: it needs a name, an @ and a domain, such as "
            "ada@example.org. Correct it, or remove it."
        )
    if any(other.address.casefold() == address.address.casefold() for other in others):
        return f"{address.address} is there already. Change that one instead of adding it twice."
    return ""
