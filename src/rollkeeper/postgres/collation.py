"""How ids compare: by code point, as in Python and in every CRM's export, not by a language's rules."""

from __future__ import annotations

CODE_POINT_ORDER = "C"


def following(prefix: str) -> str:
    """The first text after all texts that begin with the prefix, by code point; empty where there is none.

    `prefix <= text < following(prefix)` is a range of an index, which a pattern is not always.
    """
    for place in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[place]) + 1
        if code == 0xD800:
            code = 0xE000  # surrogates are no characters
        if code <= 0x10FFFF:
            return prefix[:place] + chr(code)
    return ""
