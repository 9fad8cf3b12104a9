"""`search`, `suggest`, `saved-queries` and `explain` as a person and a script use them."""

from __future__ import annotations

import pytest

from sync_pipeline.pipelines.store_search.search.request import search_body
from sync_pipeline.pipelines.store_search.search.suggestions import suggest_body
from sync_pipeline_tests.commands import Commands


@pytest.mark.real_elasticsearch
def test_searching_measuring_and_explaining_a_store(commands: Commands, store: str, sandbox):
    def run(verb: str, *words: str):
        return commands(*verb.split(), "--store", store, *words)

    assert commands("sync", "run", "--store", store).status == 0

    with_facets = run("search", "lamp", "--facets", "--brand", "Northlight", "--json").json()
    assert {"value": "Northlight", "count": 4} in with_facets["facets"]["brand"]
    assert with_facets["hits"]
    told = run("search", "sofa", "--facets", "--in-stock", "--sort", "price-asc").out
    assert "brand: Harbour & Pine" in told
    assert "Drift Sofa Bed" not in told
    in_category = run("search", "tent", "--category", "Outdoors > Camping > Tents", "--json").json()
    assert {hit["_id"] for hit in in_category} == {"product-132", "product-133", "product-134"}
    assert "Skerry Three-Seat Sofa" in run("suggest", "three-seat so").out

    added = run("saved-queries add", "sleeping  bags", "--expect", "product-135,product-136", "--top", "3", "--json")
    assert added.json() == {"query": "sleeping bags", "expected": ["product-135", "product-136"], "top": 3}
    assert run("saved-queries run").status == 0
    run("saved-queries add", "sofa", "--expect", "product-101", "--expect", "post-7", "--top", "5")
    missed = run("saved-queries run", "--json")
    assert missed.status == 1
    assert (missed.json()["success_at_k"], missed.json()["queries"]) == (0.5, 2)
    assert run("saved-queries remove", "sofa").status == 0
    assert [row["query"] for row in run("saved-queries list", "--json").json()] == ["sleeping bags"]

    in_step = run("explain", "HP-101")
    assert in_step.status == 0
    assert in_step.out.splitlines()[0] == "product-101 is in the index and in step with BigCommerce"
    sandbox.admin.update(store, "products", 101, {"name": "Skerry Four-Seat Sofa"})
    stale = run("explain", "product-101", "--json")
    assert (stale.status, stale.json()["verdict"]) == (1, "stale")
    assert stale.json()["bigcommerce"]["fingerprint"] != stale.json()["index"]["fingerprint"]
    assert "neither a document id" in run("explain", "no such thing").failed_in_one_line(2)


def test_the_request_is_printed_for_others_to_send(commands: Commands):
    printed = commands("search", "--store", "abc", "--request", "red", "sofa", "--size", "3", "--brand", "Lumen")
    assert printed.json() == search_body("red sofa", size=3, brands=["Lumen"])
    typed = commands("suggest", "--store", "abc", "--request", "so")
    assert typed.json() == suggest_body("so")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("q", "--expect", "sofa"), "sofa"),
        (("  ", "--expect", "page-1"), "a query has 1 to 256 characters"),
        (("q", "--expect", "page-1,page-2", "--top", "1"), "raise --top"),
    ],
)
def test_a_malformed_saved_query_is_refused_before_anything_starts(
    commands: Commands, words: tuple[str, ...], message: str
):
    refused = commands("saved-queries", "add", *words, "--store", "abc", DATABASE_URL="postgres://nobody@127.0.0.1:1/x")
    assert message in refused.failed_in_one_line(2)
