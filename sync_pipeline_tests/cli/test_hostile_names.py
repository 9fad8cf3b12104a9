"""Names that are markup, or that steer a terminal, are shown as text by every command that shows them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.cli.output import emit_fields, emit_json, emit_rows, note, report_error, say, warn
from sync_pipeline_tests.commands import Commands

MARKUP = "[/] [red]Odd[/red] [link=file:///etc/passwd]Sofa[/link] :smile:"
STEERING = "\x1b[2J\x1b]0;owned\x07 \x9b31m \x7f \u202egnp"
NAME = f"{MARKUP} {STEERING}"

hostile = st.text(st.sampled_from("[]/red=:smile\\\x1b\x07\x9b\x7f\r\n\t\u202e\u2066 ab👩") | st.characters()).filter(
    str.strip
)


def steering(text: str) -> list[str]:
    """The characters by which a terminal is steered, other than the ends of lines."""
    return [character for character in text if character in "\x1b\x07\x08\r\t\x7f\x9b\u202e\u2066\ud800"]


class Utf8(StringIO):
    encoding = "utf-8"  # type: ignore[assignment]


@contextmanager
def heard() -> Iterator[StringIO]:
    with redirect_stdout(Utf8()) as both, redirect_stderr(both):
        yield both


@given(hostile)
def test_whatever_is_shown_is_one_line_of_text(text: str):
    said = {
        "say": lambda: say(text),
        "warn": lambda: warn(text),
        "note": lambda: note(text),
        "report_error": lambda: report_error(text),
        "emit_fields": lambda: emit_fields({"name": text, "error": {"message": text}}, as_json=False),
        "emit_rows": lambda: emit_rows([{"id": 1, "name": text}], ("id", "name"), as_json=False, empty=""),
    }
    lines = {"say": 1, "warn": 1, "note": 0, "report_error": 1, "emit_fields": 2, "emit_rows": 2}
    for name, speak in said.items():
        with heard() as out:
            speak()
        assert not steering(out.getvalue()), name
        assert out.getvalue().count("\n") == lines[name], name
    if text.isprintable():
        with heard() as out:
            say(text)
        assert out.getvalue() == f"{text}\n"
    with heard() as out:
        emit_json({"name": text})
    assert json.loads(out.getvalue()) == {"name": text}
    assert not steering(out.getvalue())


@pytest.fixture
def odd_store(commands: Commands, store: str, sandbox) -> str:
    """A synchronised store whose products, brands, words, queries, batches and dead letters have such names."""
    sandbox.admin.update(store, "products", 101, {"name": NAME, "search_keywords": "oddity"})
    sandbox.admin.update(store, "brands", sandbox.admin.create(store, "brands", {"name": NAME})["id"], {})
    sandbox.admin.update(store, "products", 102, {"name": "", "description": NAME, "sku": NAME})
    assert commands("sync", "run", "--store", store).status == 0
    assert commands("synonyms", "add", "--store", store, f"{MARKUP} => sofa").status in {0, 2}
    assert commands("saved-queries", "add", MARKUP, "--store", store, "--expect", "product-101").status == 0
    return store


def test_commands_show_odd_names_as_text(commands: Commands, odd_store: str):
    [letter] = commands("dead-letters", "list", "--store", odd_store, "--json").json()
    where = ("--store", odd_store)
    for words in (
        ["search", *where, "oddity"],
        ["search", *where, "--facets", "oddity"],
        ["search", *where, "--json", "oddity"],
        ["suggest", *where, "odd"],
        ["explain", "product-101", *where],
        ["synonyms", "list", *where],
        ["saved-queries", "list", *where],
        ["saved-queries", "run", *where],
        ["stores", "list"],
        ["stores", "show", odd_store],
        ["batches", "list"],
        ["batches", "show", "1"],
        ["dead-letters", "list", *where],
        ["dead-letters", "show", str(letter["id"])],
        ["dead-letters", "export", *where],
        ["verify", *where],
        ["search", *where, f"nothing like {NAME}"],
        ["batches", "list", "--pipeline", NAME],
        ["sync", "run", "--store", NAME],
        ["stores", "remove", NAME],
        [NAME],
    ):
        answer = commands(*words)
        assert not steering(answer.out + answer.error), words
        assert "Traceback" not in answer.error, answer
        assert answer.status in {0, 1, 2}, answer
    found = commands("search", *where, "oddity").out
    assert MARKUP in found
