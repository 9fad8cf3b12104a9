"""What a person is told of another ledger's indices, and how they are taken over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from elasticsearch import Elasticsearch

from sync_pipeline_tests.commands import Commands

pytestmark = [pytest.mark.real_elasticsearch, pytest.mark.invariant("2.11")]


@pytest.fixture
def foreign(store: str, elasticsearch_url: str) -> Iterator[str]:
    """An index that another ledger made of the store, behind its alias, beside an older one that it had replaced."""
    name = f"store-{store}-products-20250102030405678"
    meta = {"ledger": "another", "batch_id": 1, "attempt": 1, "index": name}
    with Elasticsearch(elasticsearch_url) as client:
        client.indices.create(index=name, mappings={"_meta": meta}, aliases={f"store-{store}-products": {}})
        client.indices.create(index=replaced_by(name), mappings={"_meta": meta})
        yield name
        client.indices.delete(index=[name, replaced_by(name)], ignore_unavailable=True)


def replaced_by(index: str) -> str:
    return index.replace("-2025", "-2024")


def test_store_whose_indices_another_ledger_made_is_refused_until_it_is_taken_over(
    commands: Commands, store: str, foreign: str
):
    kept = commands("stores", "remove", store, "--delete-indices").failed_in_one_line(1)
    assert f"the index {foreign} was made by another ledger" in kept
    assert commands("stores", "remove", store).status == 0
    added = commands("stores", "add", store, "--token-stdin", "--json", stdin="the-secret-token\n")
    assert added.json()["foreign_indices"] == [foreign, replaced_by(foreign)]
    assert f"warning: another ledger made indices of store {store} ({foreign})" in added.error
    assert f"sync-pipeline sync run --store {store} --take-over" in added.error

    line = commands("sync", "run", "--store", store, "--mode", "incremental").failed_in_one_line(1)
    assert f"the index {foreign} was made by another ledger: nothing is written" in line
    assert f"`sync-pipeline sync run --store {store} --take-over`" in line

    told = {one["what"]: one for one in commands("health", "--json").json()}["search indices"]
    assert (told["ok"], f"another ledger made those of {store}" in told["detail"]) == (False, True)

    target = ("sync", "run", "--store", store, "--take-over")
    for wrong in (("--mode", "incremental"), ("--type", "product"), ("--mode", "selective", "--ids", "product-1")):
        assert "type all and mode full" in commands(*target, *wrong).failed_in_one_line(2)
    waiting = commands(*target, "--enqueue", "--json").json()
    assert (waiting["status"], waiting["options"]) == ("pending", {"take_over": True})
    assert commands("batches", "cancel", str(waiting["id"])).status == 0
    assert commands("batches", "retry", str(waiting["id"]), "--json").json()["options"] == {"take_over": True}

    assert commands(*target, "--json").json()["status"] == "completed"
    assert commands("verify", "--store", store, "--fast").status == 0


def test_help_tells_of_taking_over(commands: Commands):
    assert "--take-over" in commands("sync", "run", "--help").out
