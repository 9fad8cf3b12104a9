"""Odd records as data, and what one batch over many of them at once left behind.

What belongs here: how an odd record is described and put into a sandbox shop. What does not: the records themselves
(odd_products.py, odd_offers.py, odd_content.py) and what is asserted of them (test_odd_records.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from sync_pipeline.batches.models import DeadLetter, SyncBatch
from sync_pipeline.pipelines.store_search.stores.stores import store_scope
from sync_pipeline.sandboxes.bigcommerce.messages import RecordKind
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.pipelines.store_search.imports.expected_documents import RawShop

#: The first part of a document's key, by the collection of its record.
WORDS = {"products": "product", "categories": "category", "pages": "page", "posts": "post"}
#: Stands for a field that the document must not have.
ABSENT = object()


@dataclass(frozen=True, eq=False)
class Odd:
    """One odd record of a collection: what is odd, its fields, and what must become of it.

    Exactly one of three: ``indexed`` has fields of its document, a function instead of a value judges it; ``filtered``
    is the rule's name; ``dead`` is the dead letter's reason and message, in which ``{id}`` stands for the record's
    number. ``raw`` fields go around the control API, which refuses or completes them. ``found_by`` is a query whose
    first hit is the document.
    """

    kind: RecordKind
    what: str
    fields: Mapping[str, Any]
    indexed: Mapping[str, Any] | None = None
    filtered: str = ""
    dead: tuple[str, str] | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)
    found_by: str = ""

    def __str__(self) -> str:
        return f"{WORDS[self.kind]} {self.what}"


@dataclass(frozen=True)
class Aftermath:
    """What a batch over odd records left: their keys, the documents, the open dead letters, and who is found by what.

    ``before`` is what the shop held besides them.
    """

    batch: SyncBatch
    keys: Mapping[Odd, str]
    before: RawShop
    documents: Mapping[str, dict[str, Any]]
    dead_letters: Mapping[str, DeadLetter]
    found: Mapping[str, list[str]]


def product(what: str, expected: Mapping[str, Any], *, raw: Mapping[str, Any] | None = None, **fields: Any) -> Odd:
    """A product that must be indexed, at a price of 10 unless ``fields`` say otherwise."""
    found_by = fields.pop("found_by", "")
    given = {"name": f"Oddity, {what}", "price": 10, **fields}
    return Odd("products", what, given, indexed=expected, raw=raw or {}, found_by=found_by)


def unreadable(problem: str) -> tuple[str, str]:
    """The dead letter of a record that BigCommerce gave in another shape than it promises."""
    return "malformed", f"BigCommerce's {problem}; correct it there"


def put(shop: Shop, odd: Odd) -> str:
    """Adds the record to the shop; its document's key."""
    record = shop.sandbox.admin.create(shop.hash, odd.kind, dict(odd.fields))
    number = record["category_id" if odd.kind == "categories" else "id"]
    if odd.raw:
        catalog = shop.sandbox.sandbox.store(shop.hash).catalog
        if odd.kind == "products":
            catalog.products.put({**catalog.products.whole(number), **odd.raw})
        else:
            records = getattr(catalog, odd.kind)
            records.put({**records.get(number), **odd.raw})
    return f"{WORDS[odd.kind]}-{number}"


def dead_letters(shop: Shop) -> dict[str, DeadLetter]:
    """The shop's open dead letters by key."""
    of_shop = select(DeadLetter).where(DeadLetter.scope == store_scope(shop.hash), DeadLetter.state == "open")
    with shop.pipeline.ledger.session() as session:
        return {letter.key: letter for letter in session.scalars(of_shop)}


def misfits(document: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of ``document`` that are not as ``wanted``."""
    found = {name: document.get(name, ABSENT) for name in wanted}
    return {name: found[name] for name, value in wanted.items() if not _fits(found[name], value)}


def _fits(found: Any, wanted: Any) -> bool:
    return bool(wanted(found)) if callable(wanted) else found == wanted
