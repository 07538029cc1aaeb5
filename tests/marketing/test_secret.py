"""A bridge's token at rest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rollkeeper.configuration import configuration
from rollkeeper.marketing.bridges.secret import SecretUnreadable, conceal, reveal


@pytest.fixture(autouse=True)
def _home_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("ROLLKEEPER_HOME", str(tmp_path))
    configuration.cache_clear()
    yield
    monkeypatch.undo()
    configuration.cache_clear()


def key_file() -> Path:
    return configuration().home_path / "secrets" / "bridge-key"


def test_a_token_comes_back_and_is_not_in_what_is_stored() -> None:
    stored = conceal("rkt_secret")
    assert b"rkt_secret" not in stored
    assert reveal(stored) == "rkt_secret"


def test_no_token_is_an_empty_one() -> None:
    assert reveal(b"") == ""


def test_after_a_change_of_key_the_old_tokens_are_read_and_new_ones_need_the_new_key() -> None:
    stored = conceal("old")
    old_key = key_file().read_text()
    key_file().write_text(f"a new key\n{old_key}\n")
    assert reveal(stored) == "old"
    fresh = conceal("new")
    key_file().write_text(old_key)
    with pytest.raises(SecretUnreadable):
        reveal(fresh)


def test_another_home_cannot_read_it_and_says_what_to_do() -> None:
    stored = conceal("rkt_secret")
    key_file().write_text("another key")
    with pytest.raises(SecretUnreadable, match="What to do: copy the folder `secrets`"):
        reveal(stored)


def test_the_key_is_readable_by_its_owner_only() -> None:
    conceal("rkt_secret")
    assert key_file().stat().st_mode & 0o077 == 0
