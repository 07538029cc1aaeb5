"""Why a list cannot be saved or built."""

from __future__ import annotations


class ListRefused(Exception):
    """What was asked of a list cannot be done; the message is one sentence that says what to change."""


class RuleError(ListRefused):
    """A rule cannot define a list; the message names what is wrong and what there is instead."""


def shown(value: object) -> str:
    """A value as a message shows it: what Python calls it, cut short."""
    try:
        text = repr(value)
    except ValueError:  # a number of thousands of digits
        return "a number without end"
    return text if len(text) <= 80 else f"{text[:77]}..."


class SqlRefused(ListRefused):
    """A query cannot define a list; the message names what is wrong and what is allowed."""
