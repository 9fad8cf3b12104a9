"""The index behind each kind of document: settings, text analysis and mappings, as data. Pure; it calls nothing.

What belongs here: which fields there are and how their text is understood. What does not: how a query uses them
(search/request.py), how a record becomes a document (documents/), and calls to the cluster (connectors).

The text analysis, in order: split at word borders, lower case, drop accents, take off elided articles ("l'eau"), then
only when searching synonyms and stop words, then the stemmer. The index keeps stop words, so that a query made only of
them still finds; synonyms live in a set that changes without a reindex. A changed stop list needs a new index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xxhash

from sync_pipeline.pipelines.store_search.index.languages import fold, language

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Raised with every change of settings or mappings below; an index of another version is rebuilt.
MAPPING_VERSION = 2

#: How long Elasticsearch itself remembers a delete, so that an older write that arrives late is refused. The ledger's
#: tombstones remember longer; this covers a request that is cut and sent again.
GC_DELETES = "15m"

#: The longest beginning of a word of a name that finds it, in characters.
PREFIX_LENGTH = 20

_JSON = dict[str, Any]

#: Longer keywords are stored but not indexed; Lucene would refuse the document beyond 32,766 bytes.
_KEYWORD: _JSON = {"type": "keyword", "ignore_above": 1024}
_SORTABLE: _JSON = {**_KEYWORD, "normalizer": "folded"}
_STORED_ONLY: _JSON = {"type": "keyword", "index": False, "doc_values": False}
_DATE: _JSON = {"type": "date"}
_FLAG: _JSON = {"type": "boolean"}
_COUNT: _JSON = {"type": "long"}
_PRICE: _JSON = {"type": "double"}
_TEXT: _JSON = {"type": "text", "analyzer": "text", "search_analyzer": "text_search"}
# Not stemmed: a misspelt word must be compared with the words themselves.
_WORDS: _JSON = {"type": "text", "analyzer": "words", "search_analyzer": "words_search"}
_FACET: _JSON = {**_TEXT, "fields": {"keyword": _KEYWORD}}
_NAME: _JSON = {
    **_TEXT,
    "fields": {
        "keyword": _SORTABLE,
        "words": _WORDS,
        "prefix": {"type": "text", "analyzer": "prefix", "search_analyzer": "words"},
        # With neighbouring words written as one, too: "head torch" is also "headtorch".
        "joined": {"type": "text", "analyzer": "joined", "search_analyzer": "joined_search"},
    },
}
_SKU: _JSON = {**_SORTABLE, "fields": {"compact": {**_KEYWORD, "normalizer": "compact"}}}
_NAMED: _JSON = {**_KEYWORD, "fields": {"text": _TEXT}}
_OPTIONS: _JSON = {"type": "nested", "properties": {"name": _KEYWORD, "value": _NAMED}}
#: The name says something of the product ("Waterproof"), which that of an option ("Size") does not.
_CUSTOM_FIELDS: _JSON = {"type": "nested", "properties": {"name": _NAMED, "value": _NAMED}}
_VARIANTS: _JSON = {
    "type": "nested",
    "properties": {
        "id": _KEYWORD,
        "sku": _SKU,
        "price": _PRICE,
        "in_stock": _FLAG,
        "options": {"properties": {"name": _KEYWORD, "value": _KEYWORD}},
    },
}
_COMMON: _JSON = {
    "id": _KEYWORD,
    "type": _KEYWORD,
    "url": _STORED_ONLY,
    "sync": {
        "properties": {"fingerprint": _KEYWORD, "version": {"type": "long"}, "batch_id": _KEYWORD, "synced_at": _DATE}
    },
}
_PROPERTIES: dict[str, _JSON] = {
    "products": {
        **_COMMON,
        "name": _NAME,
        "sku": _SKU,
        "description": _TEXT,
        "brand": {**_FACET, "fields": {**_FACET["fields"], "words": _WORDS}},
        "categories": _FACET,
        "category_ids": _KEYWORD,
        "price": _PRICE,
        "sale_price": _PRICE,
        "calculated_price": _PRICE,
        "price_min": _PRICE,
        "price_max": _PRICE,
        "currency": _KEYWORD,
        "availability": _KEYWORD,
        "in_stock": _FLAG,
        "inventory_level": _COUNT,
        "is_visible": _FLAG,
        "is_featured": _FLAG,
        "condition": _KEYWORD,
        "image_url": _STORED_ONLY,
        "custom_fields": _CUSTOM_FIELDS,
        "options": _OPTIONS,
        "variants": _VARIANTS,
        "rating_average": {"type": "float"},
        "review_count": _COUNT,
        "total_sold": _COUNT,
        "search_keywords": _TEXT,
        "channels": _KEYWORD,
        "date_created": _DATE,
        "date_modified": _DATE,
    },
    "categories": {
        **_COMMON,
        "name": _NAME,
        "path": _FACET,
        "description": _TEXT,
        "parent_id": _KEYWORD,
        "is_visible": _FLAG,
        "body": _TEXT,
    },
    "blog": {
        **_COMMON,
        "title": _NAME,
        "body": _TEXT,
        "summary": _TEXT,
        "tags": _FACET,
        "author": _FACET,
        "published_at": _DATE,
    },
}


def index_body(
    kind: str, *, language_code: str | None, stop_words: Sequence[str], synonyms_set: str, meta: Mapping[str, Any]
) -> _JSON:
    """Returns the body that creates an index of a kind (``products``, ``categories``, ``blog``): ``settings``,
    ``mappings``.

    ``stop_words`` is the store's whole list (accents and case do not matter); ``synonyms_set`` must exist, or the index
    does not come up. ``meta`` (the batch, above all) is kept in the mapping's ``_meta`` beside ``mapping_version``,
    ``kind``, ``language`` and the hash of the stop words.
    """
    return {
        "settings": {
            "index": {"number_of_shards": 1, "gc_deletes": GC_DELETES},
            "analysis": _analysis(language_code, stop_words, synonyms_set),
        },
        "mappings": {
            "dynamic": "strict",
            "_meta": {
                **meta,
                "kind": kind,
                "mapping_version": MAPPING_VERSION,
                "language": language(language_code).code,
                "stop_words": stop_words_hash(stop_words),
            },
            "properties": _PROPERTIES[kind],
        },
    }


def stop_words_hash(stop_words: Sequence[str]) -> str:
    """16 hex digits that are the same for the same set of words, whatever their order, case and accents."""
    return xxhash.xxh3_64_hexdigest("\n".join(_normal(stop_words)).encode())


def _normal(stop_words: Sequence[str]) -> list[str]:
    return sorted({folded for word in stop_words if (folded := fold(word))})


def _analysis(language_code: str | None, stop_words: Sequence[str], synonyms_set: str) -> _JSON:
    words = language(language_code)
    filters: _JSON = {
        "text_synonyms": {"type": "synonym_graph", "synonyms_set": synonyms_set, "updateable": True},
        "text_stop": {"type": "stop", "stopwords": _normal(stop_words)},
        "text_prefix": {"type": "edge_ngram", "min_gram": 2, "max_gram": PREFIX_LENGTH},
        "text_pairs": {"type": "shingle", "min_shingle_size": 2, "max_shingle_size": 2, "token_separator": ""},
    }
    before, after = ["lowercase", "asciifolding"], []
    if words.elisions:
        filters["text_elision"] = {"type": "elision", "articles": list(words.elisions)}
        before.append("text_elision")
    if words.stemmer:
        filters["text_stemmer"] = {"type": "stemmer", "language": words.stemmer}
        after.append("text_stemmer")
    return {
        "filter": filters,
        "char_filter": {"no_separators": {"type": "pattern_replace", "pattern": r"[\s\-_./#]+", "replacement": ""}},
        "normalizer": {
            "folded": {"type": "custom", "filter": ["lowercase", "asciifolding"]},
            "compact": {
                "type": "custom",
                "char_filter": ["no_separators"],
                "filter": ["lowercase", "asciifolding"],
            },
        },
        "analyzer": {
            "text": _analyzer(*before, *after),
            "text_search": _analyzer(*before, "text_synonyms", "text_stop", *after),
            "words": _analyzer(*before),
            "words_search": _analyzer(*before, "text_stop"),
            "prefix": _analyzer(*before, "text_prefix"),
            "joined": _analyzer(*before, *after, "text_pairs"),
            "joined_search": _analyzer(*before, "text_stop", *after),
        },
    }


def _analyzer(*filters: str) -> _JSON:
    return {"type": "custom", "tokenizer": "standard", "filter": list(filters)}
