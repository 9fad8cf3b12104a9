"""The search request: what a shopper's words become. One versioned body for the command line, the demo, the API and
the shop's own application.

What belongs here: the query, its ranking and its filters, as data. What does not: fields and analysis
(index_definition.py) and the call itself.

Send it to the alias ``store-{hash}`` (products, categories, pages, posts) or to the alias of one kind. How it decides:

* A document is found if its SKU or a variant's is the query, with or without separators; or if it has enough of the
  query's words (all of two, three quarters of more; synonyms count, stop words do not), in one field or spread over
  several; or if it has all words, stop words too, which is how a query of nothing else finds; or if its name has the
  words begun or mildly misspelt.
* It ranks by exact SKU, then name (the phrase above single words), then brand, categories, options and custom fields,
  then the long texts. What is out of stock loses a fifth of its score.

Engines disagree on ``operator: and`` and cross-field matching with synonyms, and some ignore ``copy_to``, so words that
count synonyms are asked for with ``minimum_should_match`` and as a phrase, in ``search_text`` and in single fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Raised with every change of what is found or how it ranks.
SEARCH_REQUEST_VERSION = 1

#: Longer queries are cut here, in characters: every word costs the cluster clauses.
MAX_QUERY = 256

_JSON = dict[str, Any]

_NAMES = ["name", "title"]
_TEXTS = ["summary", "description", "body"]
_RANKED = [
    *("name^8", "title^8"),
    *("brand^3", "categories^3", "path^3", "tags^3", "search_keywords^3"),
    *("summary^1.5", "description", "body"),
]


def search_body(
    query: str,
    *,
    size: int = 10,
    from_: int = 0,
    types: Sequence[str] = (),
    brands: Sequence[str] = (),
    categories: Sequence[str] = (),
    options: Mapping[str, str] | None = None,
    custom_fields: Mapping[str, str] | None = None,
    price_from: float | None = None,
    price_to: float | None = None,
    in_stock: bool | None = None,
) -> _JSON:
    """The body of ``_search`` for a shopper's words; an empty query lists everything.

    The filters take exact values: ``types`` of documents (``product``, ``category``, ``page``, ``post``), ``brands``,
    ``categories`` as full paths (``Accessories > Jewelry``), ``options`` and ``custom_fields`` by name, prices in the
    store's currency. Several values of one filter are alternatives; filters add up. Hits carry ``highlight``: the
    matched words in ``<em>``, in text that is otherwise escaped for HTML.
    """
    words = " ".join(query.split())[:MAX_QUERY]
    filters = [
        *_any_of({"type": types, "brand.keyword": brands, "categories.keyword": categories}),
        *(_named_value("options", name, value) for name, value in (options or {}).items()),
        *(_named_value("custom_fields", name, value) for name, value in (custom_fields or {}).items()),
        *_between("calculated_price", price_from, price_to),
        *([] if in_stock is None else [{"term": {"in_stock": in_stock}}]),
    ]
    body: _JSON = {
        "size": size,
        "from": from_,
        "query": {
            "boosting": {
                "positive": _matching(words, filters) if words else {"bool": {"filter": filters}},
                "negative": {"term": {"in_stock": False}},
                "negative_boost": 0.8,
            }
        },
        "_source": {"excludes": ["sync"]},
    }
    if words:
        body["highlight"] = _highlight(words)
    return body


def _matching(words: str, filters: list[_JSON]) -> _JSON:
    # One word needs no counting, and engines that count its synonyms as words would find nothing.
    enough = {} if words.isascii() and words.isalnum() else {"minimum_should_match": "2<75%"}
    sku = [_exact("sku", words), _nested("variants", _exact("variants.sku", words))]
    phrase = {"multi_match": {"query": words, "fields": _NAMES, "type": "phrase", "boost": 8}}
    misspelt = {
        "multi_match": {
            "query": words,
            "fields": [f"{name}.words" for name in _NAMES],
            "fuzziness": "AUTO:4,7",
            "prefix_length": 1,
            "max_expansions": 20,
            "boost": 0.5,
            **enough,
        }
    }
    begun = {
        "multi_match": {
            "query": words,
            "fields": [f"{name}.prefix" for name in _NAMES],
            "operator": "and",
            "boost": 0.5,
        }
    }
    all_words = {
        "multi_match": {
            "query": words,
            "fields": ["search_text", *_NAMES, *_TEXTS],
            "analyzer": "text",
            "operator": "and",
        }
    }
    found = [
        *sku,
        {"match": {"search_text": {"query": words, **enough}}},
        {"multi_match": {"query": words, "fields": _RANKED, **enough}},
        {"multi_match": {"query": words, "fields": _RANKED, "type": "phrase"}},
        *_attributes(words, **enough),
        all_words,
        begun,
        misspelt,
    ]
    ranked = [
        *sku,
        phrase,
        {"multi_match": {"query": words, "fields": _RANKED, "tie_breaker": 0.3}},
        *_attributes(words, boost=3),
        begun,
        misspelt,
    ]
    return {"bool": {"filter": [*filters, {"bool": {"should": found}}], "should": ranked}}


def _exact(field: str, value: str) -> _JSON:
    spelt = {"constant_score": {"filter": {"term": {field: value}}, "boost": 1000}}
    compact = {"constant_score": {"filter": {"term": {f"{field}.compact": value}}, "boost": 500}}
    return {"dis_max": {"queries": [spelt, compact]}}


def _attributes(words: str, **how: Any) -> list[_JSON]:
    return [
        _nested(path, {"match": {f"{path}.value.text": {"query": words, **how}}})
        for path in ("options", "custom_fields")
    ]


def _any_of(values: Mapping[str, Sequence[str]]) -> list[_JSON]:
    return [{"terms": {field: list(accepted)}} for field, accepted in values.items() if accepted]


def _named_value(path: str, name: str, value: str) -> _JSON:
    return _nested(path, {"bool": {"filter": [{"term": {f"{path}.name": name}}, {"term": {f"{path}.value": value}}]}})


def _between(field: str, lowest: float | None, highest: float | None) -> list[_JSON]:
    bounds = {bound: value for bound, value in (("gte", lowest), ("lte", highest)) if value is not None}
    return [{"range": {field: bounds}}] if bounds else []


def _nested(path: str, query: _JSON) -> _JSON:
    # Categories and posts have no such path, and share the alias with products.
    return {"nested": {"path": path, "query": query, "score_mode": "max", "ignore_unmapped": True}}


def _highlight(words: str) -> _JSON:
    return {
        "encoder": "html",
        # A text beyond the server's own limit would fail the whole search.
        "max_analyzed_offset": 100_000,
        "highlight_query": {"multi_match": {"query": words, "fields": [*_NAMES, *_TEXTS]}},
        "fields": {
            **{name: {"number_of_fragments": 0} for name in _NAMES},
            **{text: {"number_of_fragments": 1, "fragment_size": 160} for text in _TEXTS},
        },
    }
