"""What the facts of one document mean, in a sentence a merchant understands. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sync_pipeline.operations import Filtered, Operation, Rejected

#: Why a record is not indexed by rule, by the rule's short name.
REASONS = {
    "hidden": "it is hidden in BigCommerce",
    "no_channel": "it is assigned to no channel in BigCommerce",
    "hidden_ancestor": "it lies below a hidden category",
    "customers_only": "only signed-in customers may read it",
    "link_page": "it is a link to somewhere else, without content of its own",
    "blog_page": "it is the page that lists the blog's posts, without content of its own",
    "unknown_page_type": "it is of a page type that is not known here",
    "draft": "it is a draft",
    "future": "it is to be published in the future",
}


class Verdict(StrEnum):
    """Whether index and BigCommerce agree about one document."""

    IN_STEP = "in_step"
    RIGHTLY_ABSENT = "rightly_absent"
    STALE = "stale"
    EDITED = "edited"
    MISSING = "missing"
    REJECTED = "rejected"
    LEFT_OVER = "left_over"


@dataclass(frozen=True)
class Conclusion:
    """The verdict, and its sentence."""

    verdict: Verdict
    sentence: str

    @property
    def in_step(self) -> bool:
        """Whether there is nothing to do."""
        return self.verdict in {Verdict.IN_STEP, Verdict.RIGHTLY_ABSENT}


def conclude(
    key: str,
    store_hash: str,
    *,
    published: bool,
    held: str | None,
    live: Operation | Filtered | Rejected | None,
    edited: bool = False,
) -> Conclusion:
    """Compares the fingerprint that the index holds (None: no document) with the record as it is ``live``.

    ``edited``: the content beside the fingerprint is not what the record becomes: somebody else wrote it.

    ``published`` says whether the store has an index of that kind at all; ``live`` is None for a record that
    BigCommerce does not have.
    """
    if isinstance(live, Rejected):
        kept = "" if held is None else "; searches still show what it was"
        return Conclusion(Verdict.REJECTED, f"{key} cannot be indexed as it is: {live.message}{kept}")
    if isinstance(live, Operation):
        if held == live.fingerprint and edited:
            mend = f"run `sync-pipeline verify --store {store_hash} --repair`"
            return Conclusion(Verdict.EDITED, f"{key} was changed in the index by somebody else: {mend}")
        return _wanted(live, store_hash, published=published, held=held)
    why = "BigCommerce does not have it" if live is None else REASONS.get(live.reason, f"it is {live.reason}")
    if held is None:
        return Conclusion(Verdict.RIGHTLY_ABSENT, f"{key} is not found: {why}")
    return Conclusion(Verdict.LEFT_OVER, f"{key} is still found, although {why}: {_update(key, store_hash)}")


def _wanted(live: Operation, store_hash: str, *, published: bool, held: str | None) -> Conclusion:
    """Returns the conclusion for a record that should be found."""
    key = live.key
    if held == live.fingerprint:
        return Conclusion(Verdict.IN_STEP, f"{key} is in the index and in step with BigCommerce")
    if held is not None:
        return Conclusion(Verdict.STALE, f"{key} has changed since the index took it: {_update(key, store_hash)}")
    if published:
        return Conclusion(
            Verdict.MISSING, f"{key} is not found: the index does not have it yet: {_update(key, store_hash)}"
        )
    build = f"run `sync-pipeline sync run --store {store_hash} --type all`"
    return Conclusion(Verdict.MISSING, f"{key} is not found: the store has no such index yet: {build}")


def _update(key: str, store_hash: str) -> str:
    return f"run `sync-pipeline sync run --store {store_hash} --type all --mode selective --ids {key}`"
