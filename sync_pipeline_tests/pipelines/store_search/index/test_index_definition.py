"""The index bodies: that they hold every document, and that text is understood as promised, on an engine."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_pipeline.connectors.bigcommerce.records import BlogPost, Category, Page, Product
from sync_pipeline.connectors.elasticsearch.bulk import BulkIndex
from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.connectors.elasticsearch.synonyms import SynonymsSet
from sync_pipeline.operations import ItemError, Operation, Outcome
from sync_pipeline.pipelines.store_search.documents.blog_posts import BlogPostDocument
from sync_pipeline.pipelines.store_search.documents.categories import CategoryDocument
from sync_pipeline.pipelines.store_search.documents.pages import PageDocument
from sync_pipeline.pipelines.store_search.documents.products import ProductDocument
from sync_pipeline.pipelines.store_search.index.definition import MAPPING_VERSION, index_body, stop_words_hash
from sync_pipeline.pipelines.store_search.index.stop_word_lists import STOP_WORDS
from sync_pipeline.pipelines.store_search.types import KINDS
from sync_pipeline_tests.connectors.elasticsearch.stores import own_store
from sync_pipeline_tests.pipelines.store_search.documents.builders import category, context, decodable, item

if TYPE_CHECKING:
    from collections.abc import Sequence

DOCUMENTS: dict[str, list[type[msgspec.Struct]]] = {
    "products": [ProductDocument],
    "categories": [CategoryDocument, PageDocument],
    "blog": [BlogPostDocument],
}
RECORDS: dict[str, list[type[msgspec.Struct]]] = {
    "products": [Product],
    "categories": [Category, Page],
    "blog": [BlogPost],
}
_moments = itertools.count()


@pytest.fixture
async def indices(elasticsearch_url: str) -> AsyncIterator[StoreIndices]:
    async with SearchCluster(url=elasticsearch_url) as cluster, own_store(cluster) as store:
        await SynonymsSet(cluster, store.alias).put([])
        yield store


async def create(
    indices: StoreIndices, kind: str, *, language: str | None = "en", stop_words: Sequence[str] = ("the", "für")
) -> str:
    name = indices.new_name(kind, datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=next(_moments)))
    body = index_body(
        kind, language_code=language, stop_words=stop_words, synonyms_set=indices.alias, meta={"batch_id": 5}
    )
    await indices.create(name, body)
    return name


async def tokens(indices: StoreIndices, index: str, analyzer: str, text: str) -> list[str]:
    answer = await indices.cluster.client.indices.analyze(index=index, analyzer=analyzer, text=text)
    return [token["token"] for token in answer["tokens"]]


def body_of(kind: str, stop_words: Sequence[str] = ()) -> dict[str, Any]:
    return index_body(kind, language_code="en", stop_words=stop_words, synonyms_set="s", meta={"batch_id": 5})


@pytest.mark.parametrize("kind", [kind.word for kind in KINDS])
def test_an_index_has_the_fields_of_its_documents_and_no_others(kind: str) -> None:
    fields = {field.encode_name for struct in DOCUMENTS[kind] for field in msgspec.structs.fields(struct)}
    assert set(body_of(kind)["mappings"]["properties"]) == fields | {"type", "sync"}


def test_an_index_says_what_it_was_made_of() -> None:
    meta = body_of("blog", ["The", "für"])["mappings"]["_meta"]
    assert meta == {
        "batch_id": 5,
        "kind": "blog",
        "mapping_version": MAPPING_VERSION,
        "language": "en",
        "stop_words": stop_words_hash(["fur", "the"]),
    }


@given(st.lists(st.text(st.characters(categories=["L"]), min_size=1)), st.randoms())
def test_the_hash_of_stop_words_is_of_the_set(words: list[str], random: Any) -> None:
    shuffled = [*words, *words[:2]]
    random.shuffle(shuffled)
    assert stop_words_hash(shuffled) == stop_words_hash(words)
    assert stop_words_hash([*words, "qqqqqqqqqqqqqqqq"]) != stop_words_hash(words)


@pytest.mark.real_elasticsearch
@pytest.mark.parametrize("kind", [kind.word for kind in KINDS])
async def test_a_field_that_is_not_in_the_mapping_is_refused(indices: StoreIndices, kind: str) -> None:
    bulk = BulkIndex(indices.cluster, await create(indices, kind))
    (refusal,) = await bulk.write([Operation(key="a", version=1, body=b'{"id":1,"surprise":1}')])
    assert isinstance(refusal, ItemError)
    assert refusal.reason == "strict_dynamic_mapping_exception"


@pytest.mark.real_elasticsearch
@pytest.mark.parametrize("kind", [kind.word for kind in KINDS])
@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
async def test_every_document_that_is_made_is_taken(elasticsearch_url: str, kind: str, data: st.DataObject) -> None:
    records = data.draw(st.lists(st.one_of([decodable(struct) for struct in RECORDS[kind]]), min_size=1, max_size=25))
    store = context(category(1, name="Bath"), category(2, 1, name="Soap"), brands={1: "Acme"})
    operations = [made for record in records if isinstance(made := item(record, store), Operation)]
    async with SearchCluster(url=elasticsearch_url) as cluster, own_store(cluster) as indices:
        await SynonymsSet(cluster, indices.alias).put([])
        results = await BulkIndex(cluster, await create(indices, kind)).write(operations)
    assert results == [Outcome.WRITTEN] * len(operations)


@pytest.mark.real_elasticsearch
async def test_very_long_values_are_stored_and_do_not_cost_the_document(indices: StoreIndices) -> None:
    bulk = BulkIndex(indices.cluster, await create(indices, "products"))
    pair = [{"name": "x" * 40_000, "value": "y" * 40_000}]
    long = dict.fromkeys(["name", "sku", "brand", "url", "image_url", "condition"], "é" * 40_000)
    document = {**long, "categories": ["z" * 40_000], "custom_fields": pair, "options": pair}
    assert await bulk.write([Operation(key="a", version=1, body=json.dumps(document).encode())]) == [Outcome.WRITTEN]
    assert (await bulk.get(["a"]))["a"].source == document


@pytest.mark.real_elasticsearch
async def test_stop_words_are_kept_in_the_index_and_left_out_of_searches(indices: StoreIndices) -> None:
    name = await create(indices, "products", language="de")
    assert await tokens(indices, name, "text", "Ringe für the Damen") == ["ring", "fur", "the", "dam"]
    assert await tokens(indices, name, "text_search", "Ringe FÜR The Damen") == ["ring", "dam"]


@pytest.mark.real_elasticsearch
async def test_synonyms_count_in_searches_only_and_come_before_stop_words_and_stems(indices: StoreIndices) -> None:
    name = await create(indices, "products", stop_words=["of", "the"])
    await SynonymsSet(indices.cluster, indices.alias).put(["phone, mobile", "state of the art => modern"])
    assert await tokens(indices, name, "text", "phones phone") == ["phone", "phone"]
    assert sorted(await tokens(indices, name, "text_search", "phone")) == ["mobil", "phone"]
    assert await tokens(indices, name, "text_search", "the State of the Art") == ["modern"]


SAME_WORDS = {
    "en": ("running shoes men's dresses", "run shoe men dress"),
    "de": ("Kleider Häuser Schuhe", "kleid haus schuh"),
    "fr": ("l'huile robes chaussures", "huile robe chaussure"),
    "es": ("camisas zapatos anillos", "camisa zapato anillo"),
    "it": ("dell'anello scarpe collane", "anello scarpa collana"),
    "nl": ("schoenen jurken ringen", "schoen jurk ring"),
    "pt": ("camisas vestidos sapatos", "camisa vestido sapato"),
    "sv": ("klänningar ringar", "klänning ring"),
    "da": ("kjoler ringe", "kjole ring"),
    "no": ("kjoler ringer", "kjole ring"),
    "fi": ("taloissa", "talossa"),
    "ro": ("rochiile pantofilor", "rochii pantofi"),
    "hu": ("ruhák cipők", "ruha cipő"),
    "ru": ("книги", "книга"),
    None: ("Cafés DÉJÀ", "cafes deja"),
}


def test_every_language_has_an_example() -> None:
    assert set(SAME_WORDS) == {*STOP_WORDS, None}


@pytest.mark.real_elasticsearch
@pytest.mark.parametrize("language", list(SAME_WORDS))
async def test_forms_of_a_word_are_the_same_word(indices: StoreIndices, language: str | None) -> None:
    name = await create(indices, "blog", language=language, stop_words=[])
    one, other = SAME_WORDS[language]
    indexed = await tokens(indices, name, "text", one)
    assert indexed == await tokens(indices, name, "text", other)
    assert indexed == await tokens(indices, name, "text_search", other)
