"""Looking for a constituent by words of names and organisation, in any order, each by its beginning (S5).

The rarest of the typed words leads: the search walks along its matches in the order of the index and asks of each
constituent whether it has the other words too. Words compare without accents and case, in every script
(migration 0004 says how).
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from rollkeeper.crm.constituents.search_ways import Match, Parameter, begins_with, read_matches
from rollkeeper.web.paging import Place

MOST_WORDS = 8  # of those typed; more narrow nothing down
FEW = 3_000  # matches of the leading word that are looked at one by one
READ_IN_A_LOOK_UP = 2  # words that are read in the time of looking one up

Sql = tuple[str, list[Parameter]]  # a condition and its parameters


@dataclass(frozen=True, slots=True)
class Words:
    """Constituents that have all words of a text; not those whose master id an earlier way has found."""

    text: str
    but_not_id: str = ""  # the beginning of a master id
    but_not_ids: tuple[str, ...] = ()
    tie: type = int

    def matches(self, number: int, place: Place, limit: int) -> list[Match]:
        terms = _terms(self.text)
        if not terms:
            return []
        counts = _counts(terms, FEW) if len(terms) > 1 else [0]
        lead = _rarest(terms, counts) if place.key is None else min(max(int(place.key[1]), 0), len(terms) - 1)
        others = [term for at, term in enumerate(terms) if at != lead]
        walk = Walk((number, lead), terms[lead], place, self._conditions())
        looked_up = [_has(term) for term in others]
        if not others or counts[lead] < FEW:
            return walk.read(looked_up, limit)
        found = walk.read(looked_up, limit, first=FEW)
        if len(found) == limit:
            return found
        look_ups = FEW * limit // max(len(found), 1)  # that a full page would take at this rate
        many = look_ups * READ_IN_A_LOOK_UP
        is_cheaper_read = sum(_counts(others, many)) < many
        return walk.read([_is_among(term) for term in others] if is_cheaper_read else looked_up, limit)

    def _conditions(self) -> list[Sql]:
        found: list[Sql] = (
            [("c.master_customer_id = ANY(%s)", [list(self.but_not_ids)])] if self.but_not_ids else []
        )
        if self.but_not_id:
            found.append(begins_with("c.master_customer_id", self.but_not_id))
        return [
            (
                f"NOT EXISTS (SELECT FROM constituent c WHERE c.id = w.constituent_id AND {condition} OFFSET 0)",
                bounds,
            )
            for condition, bounds in found
        ]


@dataclass(frozen=True, slots=True)
class Walk:
    """The matches of the leading word from a place on. `front` are the first two parts of the matches' keys."""

    front: tuple[int, int]
    term: str
    place: Place
    conditions: list[Sql]

    def read(self, others: list[Sql], limit: int, *, first: int | None = None) -> list[Match]:
        """Up to `limit` of those that fulfil the conditions, among the `first` matches or among all."""
        begins, parameters = begins_with("word", self.term)
        if self.place.key is not None:
            begins += f" AND (word, constituent_id) {'<' if self.place.backwards else '>'} (%s, %s)"
            parameters += self.place.key[2:]
        order = "DESC" if self.place.backwards else "ASC"
        among = f"ORDER BY word {order}, constituent_id {order} LIMIT {first}" if first else ""
        conditions = [*others, *self.conditions, _is_first(self.term)]
        fulfilled = " AND ".join(condition for condition, _ in conditions)
        statement = (
            "SELECT w.constituent_id, w.word, w.constituent_id FROM "  # noqa: S608
            f"(SELECT * FROM constituent_word WHERE {begins} {among}) w WHERE {fulfilled} "
            f"ORDER BY w.word {order}, w.constituent_id {order} LIMIT %s"
        )
        for _, bounds in conditions:
            parameters += bounds
        return read_matches(self.front, statement, [*parameters, limit])


def _terms(text: str) -> list[str]:
    """The words that were typed, folded, each once; a word that another one begins with says nothing more."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT search_terms(%s)", [text])
        typed = list(dict.fromkeys(cursor.fetchone()[0]))
    longest = [term for term in typed if not any(other != term and other.startswith(term) for other in typed)]
    return longest[:MOST_WORDS]


def _counts(terms: list[str], most: int) -> list[int]:
    """How many words begin so, for each of them, counted up to `most`."""
    counts: list[str] = []
    parameters: list[Parameter] = []
    for term in terms:
        begins, bounds = begins_with("word", term)
        counts.append(f"(SELECT count(*) FROM (SELECT FROM constituent_word WHERE {begins} LIMIT {most}) found)")  # noqa: S608
        parameters += bounds
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT ARRAY[{', '.join(counts)}]", parameters)
        return [int(count) for count in cursor.fetchone()[0]]


def _rarest(terms: list[str], counts: list[int]) -> int:
    """Which word leads: the one that the fewest have, the longest among equally common ones."""
    return min(range(len(terms)), key=lambda at: (counts[at], -len(terms[at])))


# OFFSET 0 keeps a condition what it is here, a look-up or a set that is read once: as a join it might read all
# matches of both words for the first page.
def _is_first(term: str) -> Sql:
    """Nobody twice: of a constituent's words that begin so, the first one counts."""
    condition = (
        "NOT EXISTS (SELECT FROM constituent_word e WHERE e.constituent_id = w.constituent_id "
        "AND e.word >= %s AND e.word < w.word OFFSET 0)"
    )
    return condition, [term]


def _has(term: str) -> Sql:
    """The constituent has a word that begins so: a look-up."""
    begins, bounds = begins_with("o.word", term)
    return (
        f"EXISTS (SELECT FROM constituent_word o WHERE o.constituent_id = w.constituent_id AND {begins} OFFSET 0)",
        bounds,
    )


def _is_among(term: str) -> Sql:
    """The same where few have all words though many have each: all who have this one are read once."""
    begins, bounds = begins_with("o.word", term)
    return f"w.constituent_id IN (SELECT o.constituent_id FROM constituent_word o WHERE {begins} OFFSET 0)", bounds  # noqa: S608
