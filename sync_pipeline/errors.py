"""The errors a person sees: one line each, with the exit status that INTERFACE.md promises.

What belongs here: the base classes that every room shares. An error that only one room raises lives in that room and
derives from one of these. What does not: how often and when something is tried again (batches/retries.py), and any
wording about one outside system.
"""

from __future__ import annotations

from enum import StrEnum


class Retry(StrEnum):
    """Whether a batch that failed so may be tried again, by whom."""

    LATER = "later"  # by the ledger itself, after a while: the reason may pass
    NEVER = "never"  # the same request fails in the same way
    PERSON = "person"  # when a person has decided or mended something


class SyncPipelineError(Exception):
    """A failure told in one line a person can act on.

    ``kind`` is a short stable word for machines (stored with the batch); ``exit_status`` is the command's exit code;
    ``retry`` says whether the ledger tries the batch again.
    """

    kind = "error"
    exit_status = 1
    retry = Retry.NEVER


class UsageError(SyncPipelineError):
    """The request itself is wrong: an unknown store or batch, a malformed value. Nothing was changed."""

    kind = "usage"
    exit_status = 2


class ServiceUnavailableError(SyncPipelineError):
    """A needed service cannot be reached, or answers that it cannot serve."""

    kind = "unavailable"
    exit_status = 3
    retry = Retry.LATER


def one_line(error: BaseException | str, limit: int = 500) -> str:
    """Returns the error as a single line of at most ``limit`` characters, never empty."""
    text = storable_text(" ".join(str(error).split())) or type(error).__name__
    return text if len(text) <= limit else text[: limit - 1] + "…"


def storable_text(text: str) -> str:
    """Returns a text as PostgreSQL and every terminal take it: NUL and lone surrogates are written as escapes."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")
