"""stdout and stderr as a command finds them: closed, full, a pipe that nobody reads, or not in UTF-8."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable


def accept_any_text() -> None:
    """Has stdout and stderr write characters that their encoding lacks as escapes, and stdin read any.

    Of the two, what is closed takes everything; a closed stdin is at its end.
    """
    if sys.stdin is None:  # `<&-`
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115 (open until the end)
    else:
        sys.stdin.reconfigure(errors="backslashreplace")  # pyright: ignore[reportAttributeAccessIssue]
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # `>&-`
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 (open until the end)
        else:
            stream.reconfigure(errors="backslashreplace")


def speaks_utf8(stream: TextIO) -> bool:
    """Returns whether every character can be written to the stream as it is."""
    return (stream.encoding or "").lower().replace("-", "") == "utf8"


def exit_after(command: Callable[[], int], complain: Callable[[str], None]) -> int:
    """Returns the command's exit status once all that it printed is written; ``complain`` tells in a line what is not.

    A reader that went away (`| head -1`) has seen enough: status 0. Anything else that cannot be written is status 1.
    """
    status = 1
    try:
        status = command()
        sys.stdout.flush()
    except SystemExit as error:
        # What rich and typer make of a broken pipe.
        if not isinstance(error.__context__, BrokenPipeError):
            raise
        status = 0
    except BrokenPipeError:
        status = 0
    except OSError as error:
        status = status or 1
        where = f"{error.filename}: " if error.filename else "the answer cannot be written: " if _is_stuck() else ""
        complain(f"{where}{error.strerror or error}")
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            _drop_the_rest(stream)
    return status


def _is_stuck() -> bool:
    """Returns whether stdout still holds what it could not write."""
    try:
        sys.stdout.flush()
    except OSError:
        return True
    return False


def _drop_the_rest(stream: TextIO) -> None:
    """Writes what is left; what cannot be written is thrown away, or the interpreter would complain at its end."""
    try:
        stream.flush()
    except OSError:
        with suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
