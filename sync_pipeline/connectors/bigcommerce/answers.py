"""What an answer's status means, and the envelopes of lists. Pure.

What belongs here: status → error or fault, envelope → raw records and total. What does not: records (``records``,
``listing``) and trying again (``client``).

Sources: bigcommerce/docs, ``docs/start/about/status-codes.mdx``; v3 lists are ``{"data": […], "meta": {"pagination":
{"total", "per_page", …}}}``, v2 lists are bare, and an empty v2 list is 204 without a body.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Self, TypeVar

import msgspec

from sync_pipeline.connectors.bigcommerce.errors import (
    BadAnswerError,
    MissingScopeError,
    NotFoundError,
    RefusedError,
    StoreUnavailableError,
    UnauthorizedError,
)
from sync_pipeline.connectors.bigcommerce.rate_limit import RateLimit
from sync_pipeline.connectors.bigcommerce.retry import ATTEMPTS, ATTEMPTS_WHILE_DOWN, AttemptError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sync_pipeline.connectors.bigcommerce.scopes import Scope

T = TypeVar("T")

_LONGEST_QUOTE = 200


class Pagination(msgspec.Struct):
    """``meta.pagination``: ``total`` records in all pages, ``per_page`` as the service understood it."""

    total: int | None = None
    per_page: int | None = None


class _Meta(msgspec.Struct):
    pagination: Pagination | None = None


class Envelope(msgspec.Struct, Generic[T]):
    """A v3 list: its records, and ``meta`` as it came."""

    data: list[T]
    # An empty object can come as [] from the service's PHP parts.
    meta: _Meta | list[Any] | None = None

    @property
    def pagination(self) -> Pagination:
        """What was told of the listing."""
        told = self.meta.pagination if isinstance(self.meta, _Meta) else None
        return Pagination() if told is None else told

    def counted(self) -> Self:
        """Returns itself, which must tell its total. Raises msgspec.ValidationError."""
        if self.pagination.total is None:
            raise msgspec.ValidationError("Object missing required field `total` - at `$.meta.pagination`")
        return self


class RawPage(msgspec.Struct):
    """A list as it came: each record still undecoded, with the listing's total and page size where they were told."""

    records: list[msgspec.Raw]
    total: int | None = None
    per_page: int | None = None


# Every escape, so that the one after an escaped backslash is none; pairs of surrogates are whole characters.
_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(?P<half>u[dD][89a-fA-F]..)|.)", re.DOTALL)
_ENVELOPE = msgspec.json.Decoder(Envelope[msgspec.Raw])
_BARE_LIST = msgspec.json.Decoder(list[msgspec.Raw])


def v3_page(body: bytes) -> RawPage:
    """Returns a v3 list. Raises msgspec.DecodeError."""
    return _raw_page(_decoded(_ENVELOPE, body))


def counted_v3_page(body: bytes) -> RawPage:
    """Returns a v3 list that must tell its total. Raises msgspec.DecodeError."""
    return _raw_page(_decoded(_ENVELOPE, body).counted())


def _raw_page(envelope: Envelope[msgspec.Raw]) -> RawPage:
    return RawPage(envelope.data, envelope.pagination.total, envelope.pagination.per_page)


def v2_page(body: bytes) -> RawPage:
    """Returns a v2 list; no body is no records. Raises msgspec.DecodeError."""
    return RawPage(_decoded(_BARE_LIST, body) if body else [])


def _decoded(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Returns the answer, also when a text in it was cut within an emoji.

    One record's half character costs no page of them.
    """
    try:
        return decoder.decode(body)
    except msgspec.DecodeError:
        whole = _ESCAPE.sub(lambda match: rb"\ufffd" if match["half"] else match[0], body)
        if whole == body:
            raise
        return decoder.decode(whole)


def raise_for(
    status: int, headers: Mapping[str, str], text: str, *, store_hash: str, request: str, scope: Scope
) -> NoReturn:
    """Raise what an answer other than 2xx means: a AttemptError when asking again may help, else the error.

    ``text`` is the answer's body as text, of which a little is quoted; ``request`` its method and path.
    """
    what = f"{request} answered {status}{quoted(text)}"
    if status >= 500 or status == 408:
        raise AttemptError(
            f"{what}; the store is down for maintenance or suspended: look into its control panel"
            if status == 503
            else f"{what}; try again later",
            becomes=StoreUnavailableError,
            attempts=ATTEMPTS_WHILE_DOWN if status == 503 else ATTEMPTS,
            overload=status in {408, 500, 504},
            wait=RateLimit.of(headers).retry_after or 0.0,
        )
    if status == 401:
        advice = "the token is wrong or was replaced, or the app was uninstalled: enter a new token"
        raise UnauthorizedError(store_hash, f"{what}; {advice}")
    if status == 403:
        raise MissingScopeError(store_hash, f"{what}; give the token's API account the scope {scope}", scope)
    if status == 404:
        raise NotFoundError(store_hash, what)
    if 300 <= status < 400:
        raise BadAnswerError(store_hash, f"{request} answered {status}, a redirect, which is never followed")
    raise RefusedError(store_hash, what)


def quoted(text: str) -> str:
    """Returns the start of an answer for a message: one line, at most 200 characters, with a colon before it."""
    line = " ".join(text.split())
    return f": {line[:_LONGEST_QUOTE]}" if line else ""
