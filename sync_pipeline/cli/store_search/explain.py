"""`explain`: why a product, category, page or post is found, or not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_pipeline.cli.environment import environment
from sync_pipeline.cli.options import Json, StoreHash
from sync_pipeline.cli.output import emit_json, say
from sync_pipeline.cli.store_search.opened import store_search, stores_of
from sync_pipeline.operations import Filtered, Operation, Rejected
from sync_pipeline.pipelines.store_search.search import explain as explaining

if TYPE_CHECKING:
    from sync_pipeline.pipelines.store_search.search.explain import Explanation


def explain(
    key: Annotated[str, typer.Argument(metavar="KEY", help="A document id such as product-12, or a SKU.")],
    store: StoreHash,
    as_json: Json = False,
) -> int:
    """Says why a document is found or not. Ends with 0 if index and BigCommerce agree, else with 1."""
    with environment("explain") as here:
        row = stores_of(here).get(store)
        explanation = asyncio.run(explaining.explain(store_search(here), row, key))
    conclusion = explanation.conclusion
    facts = explanation_fields(explanation)
    if as_json:
        emit_json(facts)
    else:
        say(conclusion.sentence)
        for name in ("index", "bigcommerce", "event", "dead_letter", "batch"):
            say(f"  {name.replace('_', ' '):<12} {_told(facts[name])}")
    return 0 if conclusion.in_step else 1


def explanation_fields(explanation: Explanation) -> dict[str, Any]:
    """Returns the explanation as every machine-readable answer gives it."""
    conclusion = explanation.conclusion
    return {
        "key": explanation.key,
        "verdict": conclusion.verdict.value,
        "conclusion": conclusion.sentence,
        "index": _index(explanation),
        "bigcommerce": _bigcommerce(explanation),
        "event": _event(explanation),
        "dead_letter": _dead_letter(explanation),
        "batch": _batch(explanation),
    }


def _index(explanation: Explanation) -> dict[str, Any]:
    if explanation.index is None:
        return {"state": "no index yet"}
    held = explanation.indexed
    if held is None:
        return {"state": "absent", "name": explanation.index}
    sync = held.source.get("sync", {})
    title = held.source.get("name") or held.source.get("title")
    return {"state": "indexed", "name": explanation.index, "title": title, **sync}


def _bigcommerce(explanation: Explanation) -> dict[str, Any]:
    match explanation.live:
        case None:
            return {"state": "absent"}
        case Filtered(reason=reason):
            return {"state": "filtered", "reason": reason}
        case Rejected(reason=reason, message=message):
            return {"state": "rejected", "reason": reason, "message": message}
        case Operation(fingerprint=fingerprint):
            return {"state": "to be indexed", "fingerprint": fingerprint}


def _event(explanation: Explanation) -> dict[str, Any] | None:
    event = explanation.event
    if event is None:
        return None
    return {
        "state": event.state,
        "id": event.id,
        "scope": event.scope,
        "received_at": event.received_at,
        "done_at": event.done_at,
        "error": event.error,
    }


def _dead_letter(explanation: Explanation) -> dict[str, Any] | None:
    letter = explanation.dead_letter
    if letter is None:
        return None
    return {
        "id": letter.id,
        "reason": letter.reason,
        "message": letter.last_error,
        "attempts": letter.attempts,
        "batch_id": letter.batch_id,
        "since": letter.created_at,
    }


def _batch(explanation: Explanation) -> dict[str, Any] | None:
    batch = explanation.batch
    if batch is None:
        return None
    error = (batch.error or {}).get("message")
    return {
        "id": batch.id,
        "type": batch.type,
        "mode": batch.mode,
        "status": batch.status,
        "finished_at": batch.finished_at,
        "error": error,
    }


def _told(facts: dict[str, Any] | None) -> str:
    if facts is None:
        return "none"
    words = [f"{name} {value}" for name, value in facts.items() if name != "state" and value is not None]
    return ", ".join([*([facts["state"]] if "state" in facts else []), *words])
