"""`stop-words` and `synonyms`: a store's own words for search. A change works with the next batch of that type."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated

import typer

from sync_pipeline.cli.environment import environment
from sync_pipeline.cli.options import Json, StoreHash
from sync_pipeline.cli.output import emit_json, say, warn
from sync_pipeline.cli.store_search.opened import stores_of
from sync_pipeline.errors import UsageError
from sync_pipeline.pipelines.store_search.stores.stores import Stores
from sync_pipeline.pipelines.store_search.types import BatchType
from sync_pipeline.pipelines.store_search.words import edits as word_edits
from sync_pipeline.pipelines.store_search.words.edits import Edit
from sync_pipeline.pipelines.store_search.words.rules import Entry

MAX_FILE_BYTES = 20 * 1024 * 1024
#: Warnings beyond these are only counted.
MAX_WARNINGS = 10

#: Not inside a word: C# is a word, and so is what is sold as "No.#5".
COMMENT = re.compile(r"(?:^|\s)#.*")

Change = Callable[[Stores, str, Iterable[Entry]], Edit]
AllWords = Annotated[bool, typer.Option("--all", help="The language's stop words too.")]


def words_app(what: str, batch_type: BatchType, *, example: str, add: Change, remove: Change) -> typer.Typer:
    """Returns the verbs that change one kind of words: add, remove, import."""
    app = typer.Typer(help=f"A store's own {what}: list, add, remove, import.", no_args_is_help=True)
    entry_argument = typer.Argument(metavar="ENTRY…", help=example)

    def change(verb: str, store: str, entries: Iterable[Entry], act: Change, *, as_json: bool) -> None:
        with environment(f"{batch_type} {verb}") as here:
            edit = act(stores_of(here), store, entries)
        for line in edit.warnings[:MAX_WARNINGS]:
            warn(line)
        if more := edit.warnings[MAX_WARNINGS:]:
            warn(f"{len(more)} more like these")
        if as_json:
            emit_json({"changed": edit.changed})
        elif edit.changed:
            apply = f"sync-pipeline sync run --store {store} --type {batch_type}"
            say(f"{edit.changed} {what} {verb}; `{apply}` makes that work in searches")
        else:
            say("nothing to change")

    @app.command("add", help=f"Adds {what}.")
    def add_entries(store: StoreHash, given: Annotated[list[str], entry_argument], as_json: Json = False) -> None:
        change("added", store, map(Entry, given), add, as_json=as_json)

    @app.command("remove", help=f"Removes {what}.")
    def remove_entries(store: StoreHash, given: Annotated[list[str], entry_argument], as_json: Json = False) -> None:
        change("removed", store, map(Entry, given), remove, as_json=as_json)

    @app.command("import", help=f"Adds the {what} of a file, all or none, one a line; ` #` starts a comment.")
    def import_entries(
        store: StoreHash, file: Annotated[Path, typer.Argument(metavar="FILE")], as_json: Json = False
    ) -> None:
        change("added", store, read_entries(file), add, as_json=as_json)

    return app


def read_entries(file: Path) -> list[Entry]:
    """Returns the entries of a file with their lines.

    Raises UsageError for one that is absent, too large or no UTF-8.
    """
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise UsageError(f"{file} is larger than {MAX_FILE_BYTES // 1024 // 1024} MB")
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not UTF-8 text") from None
    lines = (COMMENT.sub("", line).strip() for line in text.split("\n"))
    return [Entry(line, f"line {number} of {file.name}") for number, line in enumerate(lines, start=1) if line]


def tell(entries: list[str], *, as_json: bool) -> None:
    """Prints the entries, one a line, or as JSON."""
    if as_json:
        emit_json(entries)
        return
    for entry in entries:
        say(entry)


stop_words = words_app(
    "stop words",
    BatchType.STOP_WORDS,
    example="such as `the`",
    add=word_edits.add_stop_words,
    remove=word_edits.remove_stop_words,
)
synonyms = words_app(
    "synonym rules",
    BatchType.SYNONYMS,
    example="`phone, mobile` or `tv => television`",
    add=word_edits.add_synonym_rules,
    remove=word_edits.remove_synonym_rules,
)


@stop_words.command("list")
def list_stop_words(store: StoreHash, every: AllWords = False, as_json: Json = False) -> None:
    """Lists the store's own stop words."""
    with environment("stop-words list") as here:
        found = word_edits.all_stop_words(stores_of(here), store) if every else stores_of(here).stop_words(store)
    tell(found, as_json=as_json)


@synonyms.command("list")
def list_synonym_rules(store: StoreHash, as_json: Json = False) -> None:
    """Lists the store's synonym rules."""
    with environment("synonyms list") as here:
        found = stores_of(here).synonym_rules(store)
    tell(found, as_json=as_json)
