"""Two people at one record: nobody's change is lost unseen, nobody types anything twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rollkeeper.crm.constituents.seen import Meanwhile, brought_together, meanwhile, read, written

VALUES = st.dictionaries(st.sampled_from("abcd"), st.text(max_size=2) | st.booleans())


def test_what_only_one_of_them_changed_is_taken_from_them() -> None:
    seen = {"city": "Austin", "state": "TX", "zip": "1", "active": True}
    sent = {"city": "Dallas", "state": "TX", "zip": "2", "active": True}  # this author: city and zip
    now = {"city": "Austin", "state": "OK", "zip": "3", "active": True}  # the other: state and zip
    assert brought_together(seen, sent, now) == {"city": "Dallas", "state": "OK", "zip": "2", "active": True}
    assert meanwhile(seen, sent, now) == [Meanwhile("state", "TX", "OK", None), Meanwhile("zip", "1", "3", "2")]


def test_what_came_or_went_is_told() -> None:
    assert meanwhile({"a": "x"}, {"a": "x"}, {"b": "y"}) == [
        Meanwhile("b", None, "y", None), Meanwhile("a", "x", None, None),
    ]  # fmt: skip


@given(VALUES, VALUES, VALUES)
def test_it_is_a_three_way_merge(seen: dict[str, str], sent: dict[str, str], now: dict[str, str]) -> None:
    together = brought_together(seen, sent, now)
    assert together.keys() == now.keys()
    for name, value in together.items():
        mine = name in seen and name in sent and sent[name] != seen[name]
        assert value == (sent[name] if mine else now[name])
    told = {item.name for item in meanwhile(seen, sent, now)}
    assert told == {name for name in {*seen, *now} if seen.get(name) != now.get(name)}


@given(VALUES)
def test_a_page_sends_back_what_it_showed(values: dict[str, str]) -> None:
    assert read(written(values)) == values


def test_nonsense_is_nothing_seen() -> None:
    for text in ("", "{", "[]", "null", '{"a": 1, "b": null}'):
        assert read(text) == {}
