"""Why a row is set aside, and what a person does about it (B7)."""

from __future__ import annotations

from dataclasses import dataclass

from rollkeeper.sync.set_aside import Reason


@dataclass(frozen=True, slots=True)
class Words:
    """A reason in two sentences: what is wrong, what to do. `what` ends with a colon where an answer follows."""

    what: str
    to_do: str

    @property
    def alone(self) -> str:
        """What is wrong, where no answer follows."""
        return f"{self.what[:-1]}." if self.what.endswith(":") else self.what


TO_DO = {
    Reason.NO_CUSTOMER_ID: "Give the record its customer id in the CRM, or take the row out of the list there.",
    Reason.BAD_CUSTOMER_ID: "Correct the customer id in the CRM; it may have been imported with line breaks in it.",
    Reason.DUPLICATE_CUSTOMER_ID: "Merge the records with this customer id in the CRM, or take one off the list.",
    Reason.NO_PERMISSION: "Set Allow Email to Yes or No on the record in the CRM.",
    Reason.NUL_CHARACTER: "Find the value in the CRM that was pasted or imported with it, and enter it anew.",
    Reason.TOO_LONG: "Shorten the longest value of the record in the CRM, or take its field out of the view.",
    Reason.REFUSED_BY_CRM: "Look at the record in the CRM; what it said of it stands beside the row.",
    Reason.REFUSED_BY_DATABASE: "Shorten or correct the value that the database names, in the CRM.",
    Reason.HASH_MISMATCH: "Sync again. If it stays so, report it to whoever runs the CRM's data service.",
}


def words_of(code: str) -> Words:
    """The words for a reason code; a code that is none of ours (the other side's answer) speaks for itself."""
    if code not in set(Reason):
        return Words(code, "Ask whoever runs the CRM what its answer means, then sync again.")
    reason = Reason(code)
    return Words(reason.sentence, TO_DO[reason])
