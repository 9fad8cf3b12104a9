"""Secrets at rest: sealed, bound to their row, rotatable, and never in an error."""

from __future__ import annotations

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.batches.secrets import SecretKeysError, development_keys, new_key_entry, parse_keys

KEYS = parse_keys(new_key_entry("k1"))


@pytest.mark.invariant("7.1", "7.2")
@given(st.text(), st.text())
def test_what_is_sealed_opens_again_and_does_not_show(plain: str, owner: str):
    sealed = KEYS.seal(plain, belongs_to=owner)
    assert KEYS.open(sealed, belongs_to=owner) == plain
    assert sealed.startswith("k1:")
    assert len(plain) < 4 or plain not in sealed
    assert sealed != KEYS.seal(plain, belongs_to=owner)


@pytest.mark.invariant("7.1", "7.7")
def test_a_sealed_secret_does_not_open_for_another_row_or_when_changed():
    sealed = KEYS.seal("token-of-a", belongs_to="store/a/token")
    flipped = sealed[:20] + ("A" if sealed[20] != "A" else "B") + sealed[21:]
    for text, owner in (
        (sealed, "store/b/token"),
        (flipped, "store/a/token"),
        ("k1:no base64", "store/a/token"),
        ("token-of-a", "store/a/token"),  # somebody wrote it into the row as it is
    ):
        with pytest.raises(SecretKeysError) as caught:
            KEYS.open(text, belongs_to=owner)
        assert "token-of-a" not in str(caught.value)


@pytest.mark.invariant("7.2")
def test_old_keys_open_and_the_first_seals():
    old, new = new_key_entry("old"), new_key_entry("new")
    sealed = parse_keys(old).seal("x", belongs_to="o")
    both = parse_keys(f"{new}, {old}")
    assert both.open(sealed, belongs_to="o") == "x"
    assert not both.is_current(sealed)
    assert both.is_current(both.seal("x", belongs_to="o"))
    with pytest.raises(SecretKeysError, match="needs key 'old'"):
        parse_keys(new).open(sealed, belongs_to="o")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "entry 1: the id"),
        ("nokey", "entry 1: the key has 0 bytes"),
        ("a b:xx", "entry 1: the id"),
        ("a:%%%", "entry 1: the key is not base64"),
        ("a:" + base64.b64encode(b"short").decode(), "entry 1: the key has 5 bytes"),
        (f"{new_key_entry('a')},{new_key_entry('a')}", "entry 2: the id 'a' is given twice"),
    ],
    ids=["empty", "no key", "bad id", "no base64", "short key", "same id"],
)
def test_malformed_keys_are_refused_by_position(value: str, reason: str):
    with pytest.raises(SecretKeysError, match=reason):
        parse_keys(value)


@pytest.mark.invariant("7.9", "7.10")
def test_the_development_key_is_made_once_and_private(tmp_path: Path):
    state = tmp_path / "state"
    with ThreadPoolExecutor(4) as pool:
        rings = list(pool.map(lambda _: development_keys(state), range(8)))
    assert len({ring.keys["dev"] for ring in rings}) == 1
    assert stat.S_IMODE((state / "secret-keys").stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert [path.name for path in state.iterdir()] == ["secret-keys"]
