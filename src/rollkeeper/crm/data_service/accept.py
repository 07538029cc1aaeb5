"""Which of the media types on offer the client takes (RFC 9110, section 12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence

from rollkeeper.crm.data_service.errors import Refusal

SHORT_NAMES = {"json": "application/json", "xml": "application/xml", "arrow": "application/vnd.apache.arrow.stream"}


def best_type(accept: str, wanted_format: str | None, offered: Sequence[str]) -> str:
    """The media type to answer with: `$format`, if given, else the Accept header's best; the first on a tie.

    Raises a 406 `Refusal` that names what is on offer.
    """
    if wanted_format:
        accept = SHORT_NAMES.get(wanted_format, wanted_format)
    weights = {media_type: _weight(accept or "*/*", media_type) for media_type in offered}
    best = max(offered, key=lambda media_type: weights[media_type])
    if weights[best] <= 0:
        raise Refusal(406, "NotAcceptable", f"This address answers with {' or '.join(offered)}.")
    return best


def _weight(accept: str, media_type: str) -> float:
    """The weight that an Accept header gives a media type: that of the most specific range that matches."""
    found: tuple[int, float] = (-1, 0.0)
    for entry in accept.split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        specific = _specificity(name.lower(), media_type)
        if specific >= 0:
            found = max(found, (specific, _quality(parameters)))
    return found[1]


def _specificity(media_range: str, media_type: str) -> int:
    if media_range == media_type:
        return 2
    if media_range == media_type.partition("/")[0] + "/*":
        return 1
    return 0 if media_range == "*/*" else -1


def _quality(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
