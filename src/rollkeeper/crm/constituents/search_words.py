"""Looking for a constituent by words of names and organisation, in any order, each by its beginning (S5).

The rarest of the typed words leads: the search walks along its matches in the order of the index and asks of each
constituent whether it has the other words too. Words compare without accents and case, in every script
(migration 0004 says how).
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from rollkeeper.crm.constituents.search_ways import Match, begins_with, read_matches
from rollkeeper.web.paging import Place

MOST_WORDS = 8  # of those typed; more narrow nothing down
RARE = 3_000  # words are counted up to this many: what is beyond is common


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
        lead = _rarest(terms) if place.key is None else min(max(int(place.key[1]), 0), len(terms) - 1)
        conditions, parameters = _walk(terms[lead])
        for term in (term for at, term in enumerate(terms) if at != lead):
            condition, more = _has(term)
            conditions.append(condition)
            parameters += more
        self._leave_out(conditions, parameters)
        if place.key is not None:
            conditions.append(f"(w.word, w.constituent_id) {'<' if place.backwards else '>'} (%s, %s)")
            parameters += place.key[2:]
        order = "DESC" if place.backwards else "ASC"
        statement = (
            "SELECT w.constituent_id, w.word, w.constituent_id FROM constituent_word w "  # noqa: S608
            f"WHERE {' AND '.join(conditions)} ORDER BY w.word {order}, w.constituent_id {order} LIMIT %s"
        )
        return read_matches((number, lead), statement, [*parameters, limit])

    def _leave_out(self, conditions: list[str], parameters: list[object]) -> None:
        if not self.but_not_id and not self.but_not_ids:
            return
        begins, bounds = begins_with("c.master_customer_id", self.but_not_id)
        of_an_id = (
            f"({begins}) OR c.master_customer_id = ANY(%s)" if self.but_not_id else "c.master_customer_id = ANY(%s)"
        )
        conditions.append(
            f"NOT EXISTS (SELECT FROM constituent c WHERE c.id = w.constituent_id AND ({of_an_id}) OFFSET 0)"
        )
        parameters += [*(bounds if self.but_not_id else []), list(self.but_not_ids)]


def _terms(text: str) -> list[str]:
    """The words that were typed, folded, each once; a word that another one begins with says nothing more."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT search_terms(%s)", [text])
        typed = list(dict.fromkeys(cursor.fetchone()[0]))
    longest = [term for term in typed if not any(other != term and other.startswith(term) for other in typed)]
    return longest[:MOST_WORDS]


def _rarest(terms: list[str]) -> int:
    """Which word the fewest constituents have, as far as they are counted; the longest among common ones."""
    if len(terms) == 1:
        return 0
    counts, parameters = [], []
    for term in terms:
        begins, bounds = begins_with("word", term)
        counts.append(f"(SELECT count(*) FROM (SELECT FROM constituent_word WHERE {begins} LIMIT {RARE}) found)")  # noqa: S608
        parameters += bounds
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT ARRAY[{', '.join(counts)}]", parameters)
        numbers = cursor.fetchone()[0]
    return min(range(len(terms)), key=lambda at: (numbers[at], -len(terms[at])))


# OFFSET 0 keeps a condition a look-up of one constituent's words: as a join it might read all matches of both words
# for the first page.
def _walk(term: str) -> tuple[list[str], list[object]]:
    """The matches of the leading word, nobody twice: of a constituent's words that begin so, the first counts."""
    begins, bounds = begins_with("w.word", term)
    earlier = (
        "NOT EXISTS (SELECT FROM constituent_word e WHERE e.constituent_id = w.constituent_id "
        "AND e.word >= %s AND e.word < w.word OFFSET 0)"
    )
    return [begins, earlier], [*bounds, term]


def _has(term: str) -> tuple[str, list[object]]:
    begins, bounds = begins_with("o.word", term)
    condition = (
        f"EXISTS (SELECT FROM constituent_word o WHERE o.constituent_id = w.constituent_id AND {begins} OFFSET 0)"
    )
    return condition, bounds
