"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: well or not, what was seen and, where it is not well, what a person does."""

    what: str
    ok: bool
    detail: str
    remedy: str = ""

    def document(self) -> dict[str, str | bool]:
        return {"what": self.what, "ok": self.ok, "detail": self.detail, "what_to_do": self.remedy}
