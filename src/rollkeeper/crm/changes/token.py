"""A change token: the name of one state of one list, with which a reader asks for what changed since (B2).

It says what its reader has seen: which list, in which version, under which personalization fields, and in which
snapshot of the database: every transaction below `end` but those in `running`, which were not yet committed.
A row that a transaction stamped is new to the reader if and only if that transaction is not among the seen ones,
whatever was open when the token was given out. See `docs/decisions/010-change-tokens.md`.

As text it is sealed with the site's key: a token that was altered, cut, made up or given out elsewhere is none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.core import signing

FORMAT = 1
SALT = "rollkeeper.crm.changes.token"
LONGEST_TEXT = 6_000  # characters of a token that is looked at
MOST_RUNNING = 200  # ... of them a token lists; with more, it sees less and names none
_SNAPSHOT = re.compile(r"(\d{1,20}):(\d{1,20}):((?:\d{1,20}(?:,\d{1,20})*)?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Seen:
    """The transactions that a snapshot sees: those below `end` but the `running` ones."""

    end: int
    running: tuple[int, ...] = ()

    @classmethod
    def read(cls, text: str) -> Seen:
        """From PostgreSQL's text of a `pg_snapshot`, `xmin:xmax:xip,xip`. Raises `ValueError`.

        Of a snapshot with very many running transactions only those below the first of them count as seen:
        so more is sent again, and a token stays short.
        """
        match = _SNAPSHOT.fullmatch(text)
        if match is None:
            raise ValueError(f"{text[:80]!r} is not a snapshot")
        running = tuple(int(xid) for xid in match[3].split(",") if xid)
        if len(running) > MOST_RUNNING:
            return cls(int(match[1]))
        return cls(int(match[2]), running)

    def __contains__(self, xid: int) -> bool:
        return xid < self.end and xid not in self.running

    @property
    def begin(self) -> int:
        """Every transaction below it is seen."""
        return min((self.end, *self.running))

    @property
    def text(self) -> str:
        return f"{self.begin}:{self.end}:{','.join(map(str, self.running))}"


@dataclass(frozen=True, slots=True)
class ChangeToken:
    """One state of a list. `epoch` names the history of the database: one that was restored has another."""

    list_id: int
    version: int
    fields: str
    epoch: str
    seen: Seen

    @property
    def text(self) -> str:
        """URL-safe."""
        state = [FORMAT, self.list_id, self.version, self.fields, self.epoch, self.seen.text]
        return signing.Signer(salt=SALT).sign_object(state)


def read_token(text: str) -> ChangeToken | None:
    """The token of that text; None where it is none of ours."""
    if len(text) > LONGEST_TEXT:
        return None
    try:
        found = signing.Signer(salt=SALT).unsign_object(text)
        if found[0] != FORMAT:
            return None
        _, list_id, version, fields, epoch, seen = found
        return ChangeToken(list_id, version, fields, epoch, Seen.read(seen))
    except (signing.BadSignature, ValueError, TypeError, IndexError, KeyError):
        return None
