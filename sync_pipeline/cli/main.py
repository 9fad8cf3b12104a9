"""`sync-pipeline`: the command line. Thin: it reads the words, calls the core, and prints what came back."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import typer
from typer.exceptions import TyperException

from sync_pipeline.cli.commands import LazyGroup
from sync_pipeline.cli.output import remark, report_error
from sync_pipeline.cli.streams import accept_any_text, exit_after
from sync_pipeline.errors import SyncPipelineError, UsageError, one_line, storable_text

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The exit status after Ctrl-C, as a shell gives it.
INTERRUPTED = 128 + 2

app = typer.Typer(
    name="sync-pipeline",
    help="Keeps search indexes and mirrors of a business's data provably in step with its source.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    cls=LazyGroup,
)


@app.callback()
def sync_pipeline() -> None:
    """Keeps search indexes and mirrors of a business's data provably in step with its source."""


def main() -> None:
    """Runs the command. An error is one line on stderr; the exit status says its class (0, 1, 2 or 3)."""
    accept_any_text()
    sys.exit(exit_after(_run, _complain))


def _run() -> int:
    try:
        _check_words(sys.argv[1:])
        status = app(standalone_mode=False)
    except TyperException as error:
        _complain(f"{one_line(error.format_message())} (`{_path(error)} --help` shows the usage)")
        return 2
    except SyncPipelineError as error:
        _complain(one_line(error))
        return error.exit_status
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    if status == INTERRUPTED:  # typer makes an answer of Ctrl-C in a command
        with suppress(OSError):
            remark("stopped")
    return status if isinstance(status, int) else 0


def _check_words(words: Sequence[str]) -> None:
    """Raises UsageError for a word that is not text: neither PostgreSQL nor a server of JSON takes it."""
    for word in words:
        if (shown := storable_text(word)) != word:
            raise UsageError(f"the argument {shown} is not in UTF-8")


def _complain(line: str) -> None:
    with suppress(OSError):  # the exit status says it, too
        report_error(line)


def _path(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    return context.command_path if context else "sync-pipeline"
