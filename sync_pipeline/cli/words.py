"""`stop-words` and `synonyms`: a store's own words for search. A change works with the next batch of that type."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated

import typer

from sync_pipeline.batches.stores import Stores
from sync_pipeline.cli.environment import environment
from sync_pipeline.cli.options import Json, StoreHash
from sync_pipeline.cli.output import emit_json, say
from sync_pipeline.errors import UsageError
from sync_pipeline.pipelines.store_search import words
from sync_pipeline.pipelines.store_search.types import BatchType

MAX_FILE_BYTES = 20 * 1024 * 1024

Change = Callable[[Stores, str, list[str]], int]


def words_app(
    what: str,
    batch_type: BatchType,
    *,
    checked: Callable[[Iterable[str]], list[str]],
    entries: Callable[[Stores, str], list[str]],
    add: Change,
    remove: Change,
) -> typer.Typer:
    """The verbs of one kind of words: list, add, remove, import."""
    app = typer.Typer(help=f"A store's own {what}: list, add, remove, import.", no_args_is_help=True)
    entry_argument = typer.Argument(metavar="ENTRY…", help=EXAMPLES[batch_type])

    def change(verb: str, store: str, given: Iterable[str], act: Change, *, as_json: bool) -> None:
        with environment(f"{batch_type} {verb}") as here:
            count = act(here.stores, store, checked(given))
        if as_json:
            emit_json({"changed": count})
        elif count:
            apply = f"sync-pipeline sync run --store {store} --type {batch_type}"
            say(f"{count} {what} {verb}; `{apply}` makes that work in searches")
        else:
            say("nothing to change")

    @app.command("list", help=f"The store's own {what}.")
    def list_entries(store: StoreHash, as_json: Json = False) -> None:
        with environment(f"{batch_type} list") as here:
            found = entries(here.stores, store)
        if as_json:
            emit_json(found)
            return
        for entry in found:
            say(entry)

    @app.command("add", help=f"Adds {what}.")
    def add_entries(store: StoreHash, given: Annotated[list[str], entry_argument], as_json: Json = False) -> None:
        change("added", store, given, add, as_json=as_json)

    @app.command("remove", help=f"Removes {what}.")
    def remove_entries(store: StoreHash, given: Annotated[list[str], entry_argument], as_json: Json = False) -> None:
        change("removed", store, given, remove, as_json=as_json)

    @app.command("import", help=f"Adds the {what} of a file, one a line; `#` starts a comment.")
    def import_entries(
        store: StoreHash, file: Annotated[Path, typer.Argument(metavar="FILE")], as_json: Json = False
    ) -> None:
        change("added", store, read_lines(file), add, as_json=as_json)

    return app


def read_lines(file: Path) -> list[str]:
    """The entries of a file. Raises UsageError when it cannot be read, is too large, or is no UTF-8 text."""
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise UsageError(f"{file} is larger than {MAX_FILE_BYTES // 1024 // 1024} MB")
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not UTF-8 text") from None
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in lines if line]


EXAMPLES = {BatchType.STOP_WORDS: "such as `the`", BatchType.SYNONYMS: "`phone, mobile` or `tv => television`"}

stop_words = words_app(
    "stop words",
    BatchType.STOP_WORDS,
    checked=words.stop_words,
    entries=Stores.stop_words,
    add=Stores.add_stop_words,
    remove=Stores.remove_stop_words,
)
synonyms = words_app(
    "synonym rules",
    BatchType.SYNONYMS,
    checked=words.synonym_rules,
    entries=Stores.synonym_rules,
    add=Stores.add_synonym_rules,
    remove=Stores.remove_synonym_rules,
)
