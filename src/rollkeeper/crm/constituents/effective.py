"""May a constituent be e-mailed, and what decides it (S4, S6): the stored inputs in, one sentence out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

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
