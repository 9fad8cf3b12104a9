"""`sync-pipeline`: the command line. Thin: it reads the words, calls the core, and prints what came back."""

from __future__ import annotations

import sys
from typing import Any

import typer

from sync_pipeline.cli import api, batches, dead_letters, health, local, schedules, sync
from sync_pipeline.cli.output import errors
from sync_pipeline.cli.store_search import explain, saved_queries, search, stores, webhooks, words
from sync_pipeline.errors import SyncPipelineError, one_line

# Typer brings a click of its own and exports only some of its errors; this is their common base, ClickException.
CommandLineError: Any = typer.BadParameter.__mro__[2]

app = typer.Typer(
    name="sync-pipeline",
    help="Keeps search indexes and mirrors of a business's data provably in step with its source.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
local.register(app)
api.register(app)
health.register(app)
search.register(app)
explain.register(app)
app.add_typer(saved_queries.app, name="saved-queries")
app.add_typer(stores.app, name="stores")
app.add_typer(words.stop_words, name="stop-words")
app.add_typer(words.synonyms, name="synonyms")
app.add_typer(sync.app, name="sync")
app.add_typer(batches.app, name="batches")
app.add_typer(schedules.app, name="schedules")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(dead_letters.app, name="dead-letters")


def main() -> None:
    """Runs the command. An error is one line on stderr; the exit status says its class (0, 1, 2 or 3)."""
    try:
        status = app(standalone_mode=False)
    except CommandLineError as error:
        errors.print(f"error: {one_line(error.format_message())} (`{_path(error)} --help` shows the usage)")
        sys.exit(2)
    except SyncPipelineError as error:
        errors.print(f"error: {one_line(error)}")
        sys.exit(error.exit_status)
    except (KeyboardInterrupt, typer.Abort):
        errors.print("stopped")
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)  # `| head` has seen enough
    sys.exit(status if isinstance(status, int) else 0)


def _path(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    return context.command_path if context else "sync-pipeline"
