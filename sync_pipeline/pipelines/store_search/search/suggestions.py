"""Suggestions while a shopper types: products and categories whose names begin so. One small, fast, documented body.

What belongs here: the request and its version. What does not: the search that follows (request.py).
"""

from __future__ import annotations

from typing import Any

from sync_pipeline.pipelines.store_search.index.definition import PREFIX_LENGTH
from sync_pipeline.pipelines.store_search.search.ranking import mildly_boosted

#: Raised with every change of what is suggested or in which order.
SUGGEST_REQUEST_VERSION = 1

#: Longer texts are cut here, in characters: nobody completes them.
MAX_PREFIX = 100

#: What a line of suggestions shows.
_SHOWN = ["type", "name", "path", "url", "image_url", "calculated_price", "currency", "in_stock"]

_JSON = dict[str, Any]


def suggest_body(prefix: str, *, size: int = 8) -> _JSON:
    """Returns the body of ``_search`` for what was typed so far; send it to the alias ``store-{hash}``.

    Finds products and categories whose names have every word of ``prefix``, each whole or begun with at least two
    letters, and products whose SKU begins so. Names that begin with it come first, then what sells. Nothing typed finds
    nothing. Hits carry only what a line of suggestions shows.
    """
    typed = " ".join(prefix.split())[:MAX_PREFIX]
    words = " ".join(word[:PREFIX_LENGTH] for word in typed.split())
    begun = {"match": {"name.prefix": {"query": words, "operator": "and"}}}
    first = {"prefix": {"name.keyword": {"value": typed.lower(), "case_insensitive": True}}}
    sku = {"prefix": {"sku": {"value": typed, "case_insensitive": True}}}
    query: _JSON = {"match_none": {}}
    if typed:
        names = {"bool": {"must": begun, "should": {"constant_score": {"filter": first, "boost": 100}}}}
        found = {"dis_max": {"queries": [names, {"constant_score": {"filter": sku, "boost": 50}}]}}
        query = {"bool": {"must": found, "filter": {"terms": {"type": ["product", "category"]}}}}
    return {"size": size, "query": mildly_boosted(query), "_source": _SHOWN, "track_total_hits": False}
