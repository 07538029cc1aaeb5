"""The benchmark runs from its start to its end; what it finds is no test's business."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_every_figure_is_measured_beside_its_floor() -> None:
    """spec: `make bench` prints each figure as a ratio, floor and ours in the same run."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--sizes", "1000", "--runs", "1", "--json"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("ROLLKEEPER_")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures = {each["figure"]: each for each in json.loads(done.stdout)}
    assert list(figures) == [
        "First sync",
        "Nothing changed, full pull",
        "Nothing changed, by token",
        "100 changed, by token",
        "1% changed, rebuilt in the CRM, by token",
        "1% changed, full pull",
        "Regeneration, 2% changed",
    ]
    for name, each in figures.items():
        assert 900 < each["members"] <= 1000, name
        assert each["ours"]["wall"] > 0, name
        if "rebuilt" not in name:
            assert each["floor"]["wall"] > 0, name
            assert each["ratio_wall"] > 0, name
    assert figures["First sync"]["ours"]["peak"] > 50


def test_sizes_that_cannot_be_measured_are_refused() -> None:
    for sizes in ("many", "100"):
        done = subprocess.run(
            [sys.executable, "-m", "bench", "--sizes", sizes], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert "--sizes" in done.stderr
