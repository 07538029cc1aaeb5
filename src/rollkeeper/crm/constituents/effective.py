"""May a constituent be e-mailed, and what decides it (S4, S6): the stored inputs in, one sentence out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from django.db import connection

from rollkeeper.sync.permission import effective_permission

ALLOWED = (
    "Allow Solicitation and Allow Email are True, and the primary address is not marked Do Not Solicit by Email."
)
NO_ADDRESS = "There is no active primary e-mail address, so there is nowhere to send to."
DENYING = {
    "allow_solicitation": "Allow Solicitation is False, and it controls Allow Email",
    "allow_email": "Allow Email is False",
    "do_not_solicit": "the primary address is marked Do Not Solicit by Email",
}


@dataclass(frozen=True, slots=True)
class Effective:
    """The effective permission, as the database computes it. `email` None: no active primary address."""

    email: str | None
    allow_email: bool
    denied_by: tuple[str, ...] = ()

    @property
    def may_be_mailed(self) -> bool:
        return self.allow_email and self.email is not None

    @property
    def sentence(self) -> str:
        """What decides it, in the document's words."""
        if not self.denied_by:
            return ALLOWED if self.email is not None else NO_ADDRESS
        reasons = [DENYING[flag] for flag in self.denied_by]
        denied = _joined(reasons)
        sentence = f"{denied[0].upper()}{denied[1:]}."
        return sentence if self.email is not None else f"{sentence} {NO_ADDRESS}"


def effective(
    email: str | None, *, allow_solicitation: bool, allow_email: bool, do_not_solicit: bool = False
) -> Effective:
    """The same by the rule (`sync/permission.py`) for what is not stored yet. `email`: active and primary."""
    denying = {
        "allow_solicitation": not allow_solicitation,
        "allow_email": not allow_email,
        "do_not_solicit": do_not_solicit and email is not None,
    }
    allowed = effective_permission(allow_solicitation, allow_email, denying["do_not_solicit"])
    return Effective(email, allowed, tuple(flag for flag, denies in denying.items() if denies))


def decisions() -> dict[str, dict[str, str | bool]]:
    """What every combination comes to, for a form that says it while flags are chosen.

    Keys: yes or no for Allow Solicitation, Allow Email, the mark of the primary address, and whether there is one.
    """
    found: dict[str, dict[str, str | bool]] = {}
    for flags in product((True, False), repeat=4):
        solicitation, email, mark, has_address = flags
        permission = effective(
            "a" if has_address else None, allow_solicitation=solicitation, allow_email=email, do_not_solicit=mark
        )
        key = " ".join("yes" if flag else "no" for flag in flags)
        found[key] = {"mailed": permission.may_be_mailed, "sentence": permission.sentence}
    return found


def effective_permissions(constituent_ids: Sequence[int]) -> dict[int, Effective]:
    """The effective permission of each of these constituents."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT constituent_id, email, allow_email, denied_by FROM constituent_permission "
            "WHERE constituent_id = ANY(%s)",
            [list(constituent_ids)],
        )
        return {
            int(row[0]): Effective(row[1], bool(row[2]), tuple(row[3].split(",")) if row[3] else ())
            for row in cursor.fetchall()
        }


def _joined(reasons: list[str]) -> str:
    return reasons[0] if len(reasons) == 1 else f"{', '.join(reasons[:-1])}, and {reasons[-1]}"
