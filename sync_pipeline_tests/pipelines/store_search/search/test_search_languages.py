"""Searches in other languages than English: plurals, accents, elided articles, stop words."""

from __future__ import annotations

import asyncio

import pytest

from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.pipelines.store_search.search.client import search
from sync_pipeline_tests.pipelines.store_search.search.search_shop import product, published

pytestmark = pytest.mark.real_elasticsearch

SHOPS = {
    "de": (
        ["Söfa Fjord", "Eckcouch mit Bettkasten", "Kleiderschrank", "Gläser für Weißwein", "Herrenschuhe"],
        {
            "Sofas": [1],
            "söfa": [1],
            "SOFA": [1],
            "Kleiderschränke": [3],
            "das Glas für den Weisswein": [4],
            "Herren Schuhe": [5],
            "Herrenschuh": [5],
            "für": [4],
        },
    ),
    "fr": (
        ["Huile d'olive vierge", "Robe d'été", "Crème à l'eau de rose", "Chaussures de randonnée"],
        {
            "l'huile": [1],
            "olives": [1],
            "robes d'ete": [2],
            "robe été": [2],
            "eau": [3],
            "creme a l’eau": [3],
            "chaussure randonnee": [4],
            "chaussures pour la randonnée": [4],
        },
    ),
    "es": (
        ["Zapatos de niño", "Camisón de algodón", "Anillo de plata"],
        {"zapato nino": [1], "camison": [2], "anillos de plata": [3], "camisas": []},
    ),
    "xx": (["Ταινία μέτρου", "Ōkami Mask"], {"ταινία": [1], "okami": [2], "OKAMI MASKS": [2]}),
}


@pytest.mark.parametrize("language", SHOPS)
async def test_words_are_found_in_the_forms_of_the_stores_language(elasticsearch_url: str, language: str) -> None:
    names, queries = SHOPS[language]
    products = [product(number, name) for number, name in enumerate(names, 1)]

    async def found(store_hash: str) -> dict[str, list[int]]:
        async with SearchCluster(url=elasticsearch_url) as cluster:
            hits = {query: await search(cluster, store_hash, query) for query in queries}
        return {query: [hit["_source"]["id"] for hit in ones] for query, ones in hits.items()}

    def ask() -> dict[str, list[int]]:
        with published(elasticsearch_url, {"products": products}, language_code=language) as store_hash:
            return asyncio.run(found(store_hash))

    assert await asyncio.to_thread(ask) == queries
