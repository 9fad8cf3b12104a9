"""How reading a BigCommerce store can fail, each told in one line: which store, what happened, what to do.

What belongs here: the classes and the words after the store's name. What does not: which answer means which class
(``answers``) and what is tried again (``retry``). No message ever holds a token.
"""

from __future__ import annotations

from sync_pipeline.errors import Retry, ServiceUnavailableError, SyncPipelineError


class BigCommerceError(SyncPipelineError):
    """Reading a store failed. ``store_hash`` names the store."""

    kind = "bigcommerce"

    def __init__(self, store_hash: str, what: str) -> None:
        super().__init__(f"BigCommerce store {store_hash}: {what}")
        self.store_hash = store_hash


class UnauthorizedError(BigCommerceError):
    """401: the token is wrong or was replaced, or the app was uninstalled. Says nothing about the store's records."""

    kind = "unauthorized"
    retry = Retry.PERSON


class MissingScopeError(BigCommerceError):
    """403: the token lacks the scope ``scope``."""

    kind = "missing_scope"
    retry = Retry.PERSON

    def __init__(self, store_hash: str, what: str, scope: str) -> None:
        super().__init__(store_hash, what)
        self.scope = scope


class NotFoundError(BigCommerceError):
    """404: no such store or record."""

    kind = "not_found"


class RefusedError(BigCommerceError):
    """Any other 4xx: the same request will be refused again."""

    kind = "refused"


class BadAnswerError(BigCommerceError):
    """The answer cannot be used, also when asked again: cut JSON, HTML, another shape, a redirect, too large."""

    kind = "bad_answer"


class IncompleteListingError(BigCommerceError):
    """A listing gave fewer records than it announced: what it lacks must not be taken for deleted."""

    kind = "incomplete_listing"
    retry = Retry.LATER


class StoreUnavailableError(BigCommerceError, ServiceUnavailableError):
    """The store answers that it cannot serve: maintenance, suspension, or lasting server errors."""

    kind = "store_unavailable"


class UnreachableError(BigCommerceError, ServiceUnavailableError):
    """No answer: connections fail, are cut, or time out, also when tried again."""

    kind = "unreachable"


class RateLimitedError(BigCommerceError, ServiceUnavailableError):
    """The store's request quota left nothing for longer than we are willing to wait."""

    kind = "rate_limited"
