"""CSV files of constituents, for the tests."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from pathlib import Path

from rollkeeper.crm.constituents.csv_rows import FIXED_HEADER
from rollkeeper.crm.constituents.import_csv import ImportReport, import_constituents

HEADER = ",".join(FIXED_HEADER)
Import = Callable[..., ImportReport]


def row(master: str, *further: str, **columns: str) -> str:
    """A line of the file: the fixed columns by name, then the further cells."""
    cells = [{"master_customer_id": master, **columns}.get(name, "") for name in FIXED_HEADER]
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow([*cells, *further])  # quotes what holds either of them
    return text.getvalue().removesuffix("\r\n")


def import_text(folder: Path, lines: Iterable[str | bytes], header: str = HEADER) -> ImportReport:
    """Write these lines under the header and import them."""
    path = folder / "constituents.csv"
    raw = [line.encode() if isinstance(line, str) else line for line in [header, *lines]]
    path.write_bytes(b"\n".join(raw) + b"\n")
    return import_constituents(path, author="mary", origin="command")
