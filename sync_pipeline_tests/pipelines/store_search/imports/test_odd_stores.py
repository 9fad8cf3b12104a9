"""Stores that are odd as a whole: their language, a search cluster in the way, every record turned unusable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from sync_pipeline.pipelines.store_search.types import KINDS, BatchType
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.pipelines.store_search.imports.odd_records import dead_letters

pytestmark = pytest.mark.real_elasticsearch

#: By language: a product's name, and what else must find it.
FORMS = {
    "de": ("Kleider für schöne Häuser", ["kleid haus", "schöner", "HÄUSER", "hauser"]),
    "fr": ("L’huile d’Avocats pour chevaux", ["cheval", "l'huile", "avocat", "HUILE"]),
    "": ("Ünder glass gimbals", ["under glass", "GIMBALS"]),
    "xx": ("Ünder glass gimbals", ["under glass", "GIMBALS"]),
}


@pytest.mark.parametrize("language", FORMS)
def test_words_are_found_in_the_forms_of_the_stores_language(new_shop: Callable[..., Shop], language: str):
    shop = new_shop(language=language)
    name, queries = FORMS[language]
    created = shop.sandbox.admin.create(shop.hash, "products", {"name": name})
    batch, result = shop.run()
    assert result.success, batch.error
    assert batch.counts["products"]["written"] == 53
    missed = [query for query in queries if shop.search(query, size=1) != [f"product-{created['id']}"]]
    assert missed == []


@contextmanager
def index_in_the_way(shop: Shop, name: str) -> Iterator[None]:
    """An index of that name, with a document, as somebody else or a write to a missing alias makes it."""

    async def make() -> None:
        async with shop.pipeline.cluster() as cluster:
            await cluster.client.index(index=name, id="1", document={"name": "precious"}, refresh=True)

    async def remove() -> int:
        async with shop.pipeline.cluster() as cluster:
            held = (await cluster.client.count(index=name))["count"]
            await cluster.client.indices.delete(index=name)
        return held

    asyncio.run(make())
    try:
        yield
    finally:
        held = asyncio.run(remove())
    assert held == 1, "what is in the way belongs to somebody else"


@pytest.mark.invariant("6.6")
def test_an_index_with_the_name_of_an_alias_fails_its_import_only_until_it_is_gone(shop: Shop):
    with index_in_the_way(shop, f"store-{shop.hash}-products"):
        batch, result = shop.run()
        assert not result.success
        assert batch.error is not None
        message = batch.error["message"]
        assert message.startswith(f"products: store-{shop.hash}: an index has the name of one of its aliases; ")
        assert "delete or rename that index" in message and "\n" not in message
        kinds = {document["type"] for document in shop.documents().values()}
        assert kinds == {"category", "page", "post"}
    again, result = shop.run_batch(shop.pipeline.ledger.retry(batch.id))
    assert (again.status, again.attempt, result.success) == ("completed", 2, True)
    assert len(shop.served()) == len(KINDS)
    assert shop.search("rucksack")


def test_an_index_with_the_name_of_the_stores_alias_fails_the_batch_until_it_is_gone(shop: Shop):
    with index_in_the_way(shop, f"store-{shop.hash}"):
        batch, _ = shop.run()
        assert batch.error is not None
        assert f": store-{shop.hash}: an index has the name of one of its aliases; " in batch.error["message"]
        assert not {kind.part for kind in KINDS} & batch.counts.keys()
        assert shop.served() == set()
    again, _ = shop.run_batch(shop.pipeline.ledger.retry(batch.id))
    assert again.status == "completed"
    assert shop.search("rucksack")


@pytest.mark.invariant("5.3")
def test_a_product_that_one_answer_lists_twice_is_one_product(shop: Shop):
    products = shop.sandbox.sandbox.store(shop.hash).catalog.products
    products.ids.insert(3, products.ids[3])
    batch, result = shop.run(BatchType.PRODUCT)
    assert result.success
    assert (batch.counts["products"]["read"], batch.counts["products"]["documents"]) == (54, 52)


@pytest.mark.invariant("6.7")
def test_a_shop_whose_every_product_turns_unusable_keeps_what_it_serves(shop: Shop):
    shop.run(BatchType.PRODUCT)
    before = shop.documents()
    for product in shop.sandbox.sandbox.store(shop.hash).catalog.products.ids:
        shop.sandbox.admin.update(shop.hash, "products", product, {"name": ["a", "list"]})
    batch, result = shop.run(BatchType.PRODUCT)
    assert not result.success
    assert batch.error is not None
    assert batch.error["kind"] == "error_budget"
    assert shop.documents() == before
    letters = dead_letters(shop)
    assert len(letters) == 54
    assert {letter.reason for letter in letters.values()} == {"malformed"}
