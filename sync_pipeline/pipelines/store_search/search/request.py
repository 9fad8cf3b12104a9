"""The search request: what a shopper's words become. One versioned body for the command line, the demo, the API and
the shop's own application. docs/search.md explains it to whoever sends it.

What belongs here: the body as a whole: filters, facets, sorting, paging, highlights. What does not: how words match and
rank (ranking.py), what filters and facets are made of (their modules), fields and analysis (index/definition.py), and
the call itself (client.py).

Send it to the alias ``store-{hash}`` (products, categories, pages, posts) or to the alias of one kind. How it decides:

* A document is found if its SKU or a variant's is the query, with or without separators; or if it has enough of the
  query's words, in one field (all of two, three quarters of more; synonyms count, stop words do not) or spread over
  several (all; one in four longer ones may be missing); or if it has all words, stop words too, which is how a query
  of nothing else finds; or if its name has the words begun, mildly misspelt, or written apart or together.
* It ranks by exact SKU, then name (the phrase above single words), then brand, categories, options and custom fields,
  then the long texts. Sales and ratings add up to a tenth of the score; being out of stock costs a fifth.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sync_pipeline.pipelines.store_search.search.facets import facet_aggregations
from sync_pipeline.pipelines.store_search.search.filters import Filters
from sync_pipeline.pipelines.store_search.search.ranking import NAMES, TEXTS, matching, mildly_boosted

#: Raised with every change of what is found or how it ranks.
SEARCH_REQUEST_VERSION = 2

#: Longer queries are cut here, in characters: every word costs the cluster clauses.
MAX_QUERY = 256

_JSON = dict[str, Any]


class Sort(StrEnum):
    """The orders that a search may have."""

    RELEVANCE = "relevance"
    NAME = "name"
    PRICE_ASC = "price-asc"
    PRICE_DESC = "price-desc"
    NEWEST = "newest"


def search_body(
    query: str, *, size: int = 10, from_: int = 0, sort: Sort = Sort.RELEVANCE, facets: bool = False, **filters: Any
) -> _JSON:
    """Returns the body of ``_search`` for a shopper's words; an empty query lists everything.

    ``filters`` are those of ``Filters``. With ``facets`` the answer has ``aggregations`` for ``facets.read_facets``.
    Hits carry ``highlight``: the matched words in ``<em>``, in text that is otherwise escaped for HTML. ``from_`` and
    ``size`` page; together at most 10,000, which is Elasticsearch's own limit.
    """
    words = " ".join(query.split())[:MAX_QUERY]
    narrowed = Filters(**filters)
    by_dimension = list(narrowed.by_dimension().values())
    found = matching(words) if words else {"match_all": {}}
    # A facet counts without its own filter, so what facets count must not be narrowed yet.
    clauses = narrowed.of_types() if facets else [*narrowed.of_types(), *by_dimension]
    body: _JSON = {
        "size": size,
        "from": from_,
        "query": mildly_boosted({"bool": {"must": found, "filter": clauses}}),
        "sort": [*_ORDERS[sort], "_score", *_TIES],
        "_source": {"excludes": ["sync"]},
    }
    if facets:
        body["aggs"] = facet_aggregations(narrowed)
        body["post_filter"] = {"bool": {"filter": by_dimension}}
    if words:
        body["highlight"] = _highlight(words)
    return body


def _by(field: str, order: str, unmapped: str) -> _JSON:
    """Returns an order by a field that not every kind of document has; those without it come last."""
    return {field: {"order": order, "missing": "_last", "unmapped_type": unmapped}}


_ORDERS: dict[Sort, list[_JSON]] = {
    Sort.RELEVANCE: [],
    Sort.NAME: [_by("name.keyword", "asc", "keyword"), _by("title.keyword", "asc", "keyword")],
    Sort.PRICE_ASC: [_by("calculated_price", "asc", "double")],
    Sort.PRICE_DESC: [_by("calculated_price", "desc", "double")],
    Sort.NEWEST: [_by("date_created", "desc", "date"), _by("published_at", "desc", "date")],
}
#: Equal documents keep one order, so that paging shows each once.
_TIES = [_by("type", "desc", "keyword"), _by("id", "asc", "keyword")]


def _highlight(words: str) -> _JSON:
    return {
        "encoder": "html",
        # A text beyond the server's own limit would fail the whole search.
        "max_analyzed_offset": 100_000,
        # Engines differ in what they mark of a query that is wrapped in boosts.
        "highlight_query": {"multi_match": {"query": words, "fields": [*NAMES, *TEXTS]}},
        "fields": {
            **{name: {"number_of_fragments": 0} for name in NAMES},
            **{text: {"number_of_fragments": 1, "fragment_size": 160} for text in TEXTS},
        },
    }
