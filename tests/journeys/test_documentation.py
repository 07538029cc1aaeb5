"""The documentation's commands work: blocks marked `console` are run word for word, every other command is one that there is."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from rollkeeper.cli.main import rollkeeper
from tests.journeys.up import Up
from tests.whole.installation import PATIENCE, ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)
# A command as a page names it: in backticks or indented, up to what ends it. `rollkeeper/…` is a path, not a command.
NAMED = re.compile(r"(?:^ {4}|`|&& )(?:\.venv/bin/)?rollkeeper (?=[a-z-])([^`\n|&]*)", re.MULTILINE)
MAKE = re.compile(r"(?:^ {4}|`|^)make ([a-z-]+)", re.MULTILINE)


def blocks() -> Iterator[tuple[str, list[str]]]:
    """Each page with console blocks, and their commands in order."""
    for page in PAGES:
        commands = [
            line.removeprefix("$ ")
            for block in BLOCK.findall(page.read_text())
            for line in block.splitlines()
            if line.startswith("$ ")
        ]
        if commands:
            yield str(page.relative_to(ROOT)), commands


@pytest.mark.slow
@pytest.mark.parametrize(("page", "commands"), list(blocks()))
def test_console_blocks_work_in_order(up: Up, tmp_path: Path, page: str, commands: list[str]) -> None:
    for command in commands:
        words = command.replace(".venv/bin/rollkeeper", str(ROOT / ".venv/bin/rollkeeper"))
        done = subprocess.run(
            ["sh", "-c", words], cwd=tmp_path, env=up.installation.environment, capture_output=True, text=True,
            timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{page}: {command}\n{done.stdout}\n{done.stderr}"
        assert done.stdout.strip(), f"{page}: {command} says nothing"


def test_a_page_has_console_blocks() -> None:
    assert "docs/tutorial.md" in dict(blocks())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_a_page_names_is_one(page: Path) -> None:
    """Command, subcommand and options; a word in capitals or an ellipsis stands for what a person chooses."""
    for text in NAMED.findall(page.read_text()):
        assert_is_command(text)


def assert_is_command(text: str) -> None:
    words = shlex.split(text.replace("…", "").replace("\\|", "|").split("[")[0].split(">")[0])
    command: click.Command = rollkeeper
    context = click.Context(command, info_name="rollkeeper")
    while words and isinstance(command, click.Group) and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        assert found is not None, f"`rollkeeper {text}`: there is no command {words[0]!r}"
        command, context = found, click.Context(found, info_name=words.pop(0), parent=context)
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    for word in words:
        if word.startswith("-"):
            assert word.partition("=")[0] in {*known, "--help"}, f"`rollkeeper {text}`: there is no option {word}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_target_that_a_page_names_is_one(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for target in MAKE.findall(page.read_text()):
        assert target in targets, f"{page.name}: make {target}"


def test_every_link_between_pages_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"
