"""The verbs of the command line, by name: a verb's module is imported when the verb is used.

All of them together take a second of CPU; most commands need one.
"""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


class Verb(NamedTuple):
    """Where a verb is, below this package, and the line that `--help` shows of it.

    ``attribute`` is a function, or a Typer application of several verbs.
    """

    module: str
    attribute: str
    help: str


VERBS = {
    "dev": Verb("local", "dev", "Runs everything here until Ctrl-C."),
    "demo": Verb("local", "demo", "Synchronises a sandbox store end to end and searches it."),
    "down": Verb("local", "down", "Stops everything that runs in the state directory."),
    "env": Verb("local", "env", "Prints the exports with which programs elsewhere work on what runs here."),
    "db": Verb("local", "db", "The ledger's database: upgrade."),
    "api": Verb("api", "api", "Receives webhooks until Ctrl-C."),
    "health": Verb("health", "health", "Says what works and what does not, a line each."),
    "sync": Verb("sync", "app", "Runs a synchronisation: run."),
    "verify": Verb("verify", "verify", "Compares a destination with its source, and repairs it."),
    "batches": Verb("batches", "app", "Batches: list, show, retry, cancel, stats."),
    "schedules": Verb("schedules", "app", "Schedules: add, list, change, remove."),
    "dead-letters": Verb("dead_letters", "app", "Dead letters: list, show, replay, discard, export."),
    "stores": Verb("store_search.stores", "app", "Stores: add, list, show, remove, reenter-token, rotate-keys."),
    "stop-words": Verb("store_search.words", "stop_words", "A store's own stop words: list, add, remove, import."),
    "synonyms": Verb("store_search.words", "synonyms", "A store's own synonyms: list, add, remove, import."),
    "webhooks": Verb("store_search.webhooks", "app", "Webhooks at BigCommerce: register, list, remove."),
    "search": Verb("store_search.search", "search", "Searches a store as its shop does."),
    "suggest": Verb("store_search.search", "suggest", "Suggests products and categories while a shopper types."),
    "explain": Verb("store_search.explain", "explain", "Explains why a document is found, or not."),
    "saved-queries": Verb(
        "store_search.saved_queries", "app", "Saved queries: what a search ought to find: add, list, remove, run."
    ),
}


class LazyGroup(TyperGroup):
    """The group of all verbs; knows their names and one line of each without importing them."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Returns the verbs, in the order of the table."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
        """Returns the verb, not imported yet; None when there is none of that name."""
        verb = VERBS.get(cmd_name)
        return None if verb is None else _LazyCommand(cmd_name, verb)


class _LazyCommand(TyperCommand):
    """A verb that imports itself when it is parsed."""

    def __init__(self, name: str, verb: Verb) -> None:
        super().__init__(name, help=verb.help)
        self._verb = verb

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Returns the context of the real verb, with its parameters parsed."""
        return load(self._verb).make_context(info_name, args, parent, **extra)


def load(verb: Verb) -> Any:
    """Imports a verb; returns its command."""
    found = getattr(importlib.import_module(f"{__package__}.{verb.module}"), verb.attribute)
    if not isinstance(found, typer.Typer):
        alone = typer.Typer(add_completion=False)
        alone.command()(found)
        found = alone
    return get_command(found)
