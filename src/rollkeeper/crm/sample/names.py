"""People's names in several scripts: pools from which the sample draws, with an ASCII form for addresses."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from mimesis import Locale, Person

DRAWS = 400  # names drawn a language; those that come twice count once
SEED = 20_260_101

# Language of the name → share of the members. Some 80% are in English, as in an American association.
SHARES: dict[str, float] = {
    "en": 74.0, "es-mx": 5.0, "es": 1.5, "fr": 2.0, "de": 2.5, "it": 1.0, "pt-br": 1.0, "nl": 0.8, "sv": 0.8,
    "pl": 1.2, "cs": 0.8, "hu": 0.6, "tr": 0.6, "is": 0.2, "el": 0.8, "ru": 1.2, "uk": 0.8, "ar-eg": 1.2,
    "fa": 0.5, "he": 0.7, "hi": 1.2, "zh": 1.8, "ja": 1.0, "ko": 0.8,
}  # fmt: skip
FAMILY_FIRST = frozenset({"zh", "ja", "ko"})

# Two languages that mimesis does not have.
_OWN: dict[str, tuple[str, str]] = {
    "he": (
        "נועה תמר מאיה שירה יעל רחל אסתר מרים דוד יוסף דניאל אורי איתן משה אברהם יונתן",
        "כהן לוי מזרחי פרץ ביטון דהן אברהם פרידמן אזולאי שפירא בן־דוד רוזנברג גולדשטיין",
    ),
    "hi": (
        "प्रिया अनन्या दीपिका सुनीता लक्ष्मी मीरा राधा अर्जुन राहुल विक्रम संजय अमित रोहन कृष्ण",
        "शर्मा वर्मा गुप्ता सिंह पटेल कुमार मेहता जोशी राव नायर मिश्रा चौधरी अय्यर",
    ),
}
_FOLDED = str.maketrans(
    {"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "ß": "ss", "æ": "ae", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
)


@dataclass(frozen=True, slots=True)
class NamePool:
    """All names, one language after the other: language `k` has `sizes[k]` of them, from `starts[k]` on."""

    languages: list[str]
    given: pa.StringArray
    family: pa.StringArray
    given_ascii: pa.StringArray  # empty for a script that has no ASCII form
    family_ascii: pa.StringArray
    given_starts: npt.NDArray[np.int64]
    given_sizes: npt.NDArray[np.int64]
    family_starts: npt.NDArray[np.int64]
    family_sizes: npt.NDArray[np.int64]

    def draw(
        self, random: np.random.Generator, languages: npt.NDArray[np.int64]
    ) -> tuple[pa.Int64Array, pa.Int64Array]:
        """Places in `given` and in `family`, one of each for each person's language."""
        given = self.given_starts[languages] + _below(random, self.given_sizes[languages])
        family = self.family_starts[languages] + _below(random, self.family_sizes[languages])
        return pa.array(given), pa.array(family)


@cache
def name_pool() -> NamePool:
    """The pool; the same at every call."""
    names = {language: _names(language) for language in SHARES}
    given = [sorted(given) for given, _ in names.values()]
    family = [sorted(family) for _, family in names.values()]
    return NamePool(
        languages=list(SHARES),
        given=_flat(given),
        family=_flat(family),
        given_ascii=_flat([[ascii_form(name) for name in group] for group in given]),
        family_ascii=_flat([[ascii_form(name) for name in group] for group in family]),
        given_starts=_starts(given),
        given_sizes=np.array([len(group) for group in given]),
        family_starts=_starts(family),
        family_sizes=np.array([len(group) for group in family]),
    )


def ascii_form(name: str) -> str:
    """The name as it would stand in an address: lower-case ASCII letters; empty where the script has none."""
    folded = unicodedata.normalize("NFKD", name.translate(_FOLDED)).lower()
    letters = "".join(character for character in folded if character.isascii() and character.isalpha())
    return letters if folded.strip()[:1].isascii() else ""


def _names(language: str) -> tuple[set[str], set[str]]:
    if language in _OWN:
        given, family = _OWN[language]
        return set(given.split()), set(family.split())
    person = Person(Locale(language), seed=SEED)
    return {person.first_name() for _ in range(DRAWS)}, {person.last_name() for _ in range(DRAWS)}


def _flat(groups: list[list[str]]) -> pa.StringArray:
    return pa.array([name for group in groups for name in group], pa.string())


def _starts(groups: list[list[str]]) -> npt.NDArray[np.int64]:
    return np.cumsum([0, *(len(group) for group in groups[:-1])])


def _below(random: np.random.Generator, limits: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return (random.random(len(limits)) * limits).astype(np.int64)
