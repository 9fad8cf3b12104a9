"""How a shopper's words find documents and rank them, as a query.

What belongs here: matching and ranking. What does not: filters, facets, sorting and paging, and why the request is as
it is for whoever sends it (request.py); fields and analysis (index/definition.py).

Engines disagree on ``operator: and`` and cross-field matching with synonyms, and some ignore ``copy_to``. So words that
count synonyms are asked for with ``minimum_should_match`` and as a phrase in single fields, and words that are spread
over several fields are asked for one by one.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from sync_pipeline.pipelines.store_search.search.filters import NAMED_VALUES, nested

_JSON = dict[str, Any]

NAMES = ["name", "title"]
TEXTS = ["summary", "description", "body"]
_LITERAL = [f"{name}.words" for name in NAMES]
_ATTRIBUTES = ["brand", "categories", "path", "tags", "search_keywords"]
_SEARCHED = [*NAMES, *_ATTRIBUTES, *TEXTS]
_RANKED = [*(f"{name}^8" for name in NAMES), *(f"{name}^3" for name in _ATTRIBUTES), "summary^1.5", *TEXTS[1:]]
#: What each word of a query adds that is in the name. A word of a long text gives at most about 25 (BM25: 2.2 times
#: its rarity, which is 11.5 for one in 100,000), so that even the commonest word of a name, with every mild boost
#: against it (0.8 of the score, against 1.1), counts more.
_IN_NAME = 40

#: Queries of more words are not tried word by word, nor with words joined: each costs clauses.
_MOST_WORDS = 10

_FUZZY = {"fuzziness": "AUTO:4,8", "prefix_length": 1, "max_expansions": 20}


def matching(words: str) -> _JSON:
    """Returns the query that finds and scores documents for the words, without any boost."""
    # One word needs no counting, and engines that count its synonyms as words would find nothing.
    enough = {} if words.isascii() and words.isalnum() else {"minimum_should_match": "2<75%"}
    sku = [_exact("sku", words), nested("variants", _exact("variants.sku", words))]
    begun = _in_names(words, "prefix", operator="and", boost=0.5)
    misspelt = _in_names(words, "words", boost=0.5, **_FUZZY, **enough)
    # As the shop wrote it, although a synonym rule may say that another word is meant.
    literal = _in_names(words, "words", **enough)
    all_words = {"multi_match": {"query": words, "fields": [*NAMES, *TEXTS], "analyzer": "text", "operator": "and"}}
    found = [
        *sku,
        *_word_by_word(words),
        {"multi_match": {"query": words, "fields": _RANKED, **enough}},
        {"multi_match": {"query": words, "fields": _RANKED, "type": "phrase"}},
        *_attributes(words, **enough),
        all_words,
        literal,
        *_joined(words, *NAMES, *_ATTRIBUTES),
        begun,
        misspelt,
    ]
    by_words = {"multi_match": {"query": words, "fields": _RANKED, "tie_breaker": 0.3}}
    ranked = [
        *sku,
        _in_name(words, **enough),
        {"multi_match": {"query": words, "fields": [*NAMES, *_LITERAL], "type": "phrase", "boost": 8}},
        {"dis_max": {"queries": [by_words, _in_names(words, "words", boost=8)], "tie_breaker": 0.1}},
        *_attributes(words, boost=3),
        begun,
        misspelt,
    ]
    return {"bool": {"filter": [{"bool": {"should": found}}], "should": ranked}}


def mildly_boosted(query: _JSON) -> _JSON:
    """Returns the query with popularity (up to a tenth more) and stock (a fifth less without) as mild boosts.

    They decide between documents that match about equally well; they do not lift a description above a name.
    """
    popularity = [
        {"weight": 1},
        {
            "filter": {"range": {"total_sold": {"gt": 0}}},
            "field_value_factor": {"field": "total_sold", "modifier": "log1p", "missing": 0},
            "weight": 0.015,
        },
        {
            "filter": {"range": {"rating_average": {"gt": 0}}},
            "field_value_factor": {"field": "rating_average", "missing": 0},
            "weight": 0.006,
        },
    ]
    popular = {
        "function_score": {
            "query": query,
            "functions": popularity,
            "score_mode": "sum",
            "boost_mode": "multiply",
            "max_boost": 1.1,
        }
    }
    return {"boosting": {"positive": popular, "negative": {"term": {"in_stock": False}}, "negative_boost": 0.8}}


def _worth(query: _JSON, score: float) -> _JSON:
    return {"constant_score": {"filter": query, "boost": score}}


def _exact(field: str, value: str) -> _JSON:
    spelt = _worth({"term": {field: value}}, 10_000)
    compact = _worth({"term": {f"{field}.compact": value}}, 5_000)
    return {"dis_max": {"queries": [spelt, compact]}}


def _attributes(words: str, **how: Any) -> list[_JSON]:
    return [nested(path, {"match": {f"{path}.value.text": {"query": words, **how}}}) for path in NAMED_VALUES]


def _in_name(words: str, **enough: Any) -> _JSON:
    """Returns a fixed worth of every word that is in the name, however common it is."""
    parts = words.split()[:_MOST_WORDS]
    fields = [f"{name}{variety}" for name in NAMES for variety in ("", ".words", ".joined")]
    each = [_worth({"multi_match": {"query": part, "fields": fields}}, _IN_NAME) for part in dict.fromkeys(parts)]
    pairs = [
        _worth({"multi_match": {"query": pair, "fields": NAMES, "analyzer": "joined_search"}}, 2 * _IN_NAME)
        for pair in map("".join, pairwise(parts))
    ]
    # As one for synonyms of several words.
    as_one = _worth({"multi_match": {"query": words, "fields": NAMES, **enough}}, _IN_NAME)
    return {"dis_max": {"queries": [{"bool": {"should": [*each, *pairs]}}, as_one]}}


def _word_by_word(words: str) -> list[_JSON]:
    """Returns the words, each in any field, in names and brands also misspelt; a stop word is in every document.

    One in four may be missing. Words of up to three letters do not count there: most of them are stop words.
    """
    parts = list(dict.fromkeys(words.split()))
    if len(parts) > _MOST_WORDS:
        return []

    def anywhere(text: str, **how: Any) -> _JSON:
        custom = ["custom_fields.name.text", "custom_fields.value.text"]
        queries = [
            {"multi_match": {"query": text, "fields": _SEARCHED, **how}},
            {"multi_match": {"query": text, "fields": [*_LITERAL, "brand.words"], **_FUZZY}},
            nested("options", {"match": {"options.value.text": {"query": text}}}),
            nested("custom_fields", {"multi_match": {"query": text, "fields": custom}}),
        ]
        return {"bool": {"should": queries}}

    each = [anywhere(part, zero_terms_query="all") for part in parts]
    needed = len(parts) - sum(len(part) > 3 for part in parts) // 4
    # Without the filter a query of stop words only would find everything.
    return [{"bool": {"should": each, "minimum_should_match": needed, "filter": anywhere(words)}}]


def _in_names(words: str, variety: str, **how: Any) -> _JSON:
    return {"multi_match": {"query": words, "fields": [f"{name}.{variety}" for name in NAMES], **how}}


def _joined(words: str, *fields: str) -> list[_JSON]:
    """Fields that write as one word what the query writes as two, and names that do the opposite."""
    parts = words.split()
    pairs = range(len(parts) - 1) if len(parts) <= _MOST_WORDS else ()
    queries = [_in_names(words, "joined", operator="and")]
    for at in pairs:
        query = " ".join([*parts[:at], parts[at] + parts[at + 1], *parts[at + 2 :]])
        how = {"fields": list(fields), "analyzer": "joined_search", "operator": "and"}
        queries.append({"multi_match": {"query": query, **how}})
    return queries
