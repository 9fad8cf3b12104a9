"""Dead letters over several batches: kept once a key, ended by a newer outcome, shown where people look."""

from __future__ import annotations

from typing import Any

import pytest

from sync_pipeline.batches.models import DeadLetter
from sync_pipeline.delivery.dead_letters import LetterState, end_letter, find_letters
from sync_pipeline.errors import UsageError
from sync_pipeline.pipelines.store_search.requests import replay_request
from sync_pipeline.pipelines.store_search.stores.stores import store_scope
from sync_pipeline.pipelines.store_search.types import BatchType
from sync_pipeline_tests.pipelines.store_search.conftest import Shop


def letters(shop: Shop) -> dict[str, DeadLetter]:
    """The newest of the shop's dead letters by key."""
    found = find_letters(shop.pipeline.ledger, scope=store_scope(shop.hash))
    return {letter.key: letter for letter in reversed(found)}


def break_two(shop: Shop) -> None:
    shop.sandbox.admin.update(shop.hash, "products", 101, {"name": ""})
    shop.sandbox.admin.update(shop.hash, "products", 102, {"price": {"amount": "a lot"}})
    shop.run_plain()


def test_a_repeated_failure_is_one_letter_that_counts_its_attempts(shop: Shop):
    break_two(shop)
    shop.run_plain()
    found = letters(shop)
    assert found.keys() == {"product-101", "product-102"}
    assert {letter.state for letter in found.values()} == {"open"}
    assert {letter.attempts for letter in found.values()} == {2}
    assert found["product-101"].reason == "no_name"


@pytest.mark.parametrize("mode", ["full", "incremental", "selective"])
def test_a_newer_version_of_the_key_supersedes_it_in_every_mode(shop: Shop, mode: str):
    break_two(shop)
    shop.sandbox.admin.update(shop.hash, "products", 101, {"name": "Mended Sofa"})
    shop.run_plain(mode=mode, ids=["product-101"] if mode == "selective" else None)
    found = letters(shop)
    assert (found["product-101"].state, found["product-102"].state) == ("superseded", "open")
    assert "product-101" in shop.documents()


def test_a_record_that_is_hidden_or_gone_leaves_no_open_letter(shop: Shop):
    break_two(shop)
    shop.sandbox.admin.update(shop.hash, "products", 101, {"is_visible": False})
    shop.sandbox.admin.delete(shop.hash, "products", 102)
    shop.run_plain()
    assert {letter.state for letter in letters(shop).values()} == {"superseded"}


def test_a_letter_opens_anew_after_it_was_ended(shop: Shop):
    break_two(shop)
    first = letters(shop)["product-101"]
    end_letter(shop.pipeline.ledger, first.id, LetterState.DISCARDED)
    with pytest.raises(UsageError, match="is discarded, not open"):
        end_letter(shop.pipeline.ledger, first.id, LetterState.DISCARDED)
    shop.run_plain()
    again = letters(shop)["product-101"]
    assert (again.id != first.id, again.state, again.attempts) == (True, "open", 1)


def test_the_materialization_shows_the_first_dead_letters(shop: Shop):
    shop.sandbox.admin.update(shop.hash, "products", 101, {"name": ""})
    _, result = shop.run(BatchType.PRODUCT)
    [event] = result.asset_materializations_for_node("imports")
    shown: Any = event.metadata["dead_letters"].value
    assert [(letter["key"], letter["reason"]) for letter in shown] == [("product-101", "no_name")]


@pytest.mark.parametrize(
    ("key", "batch_type"),
    [("product-7", "product"), ("page-3", "category"), ("category-3", "category"), ("post-1", "blog")],
)
def test_a_replay_is_a_selective_batch_of_the_one_key(key: str, batch_type: str):
    request = replay_request("store:abc", key)
    assert (request.store_hash, request.type, request.mode, request.ids) == ("abc", batch_type, "selective", [key])


def test_what_names_no_record_cannot_be_replayed():
    with pytest.raises(UsageError):
        replay_request("store:abc", "product-without-id-0123456789abcdef")
    with pytest.raises(UsageError):
        replay_request("store:abc", "brand-1")
