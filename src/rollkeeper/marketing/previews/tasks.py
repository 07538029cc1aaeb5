"""Previews as durable work."""

from __future__ import annotations

from rollkeeper.work import task


@task(name="previews.make", queue="sync")
def make_preview(preview_id: int) -> None:
    """Make a preview. It may be called again for the same one after a crash."""
    from rollkeeper.marketing.previews.make import make  # noqa: PLC0415  # make's callers import this file

    make(preview_id)
