"""The secrets in memory: how often the ledger is asked, and for how long they hold."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event

from sync_pipeline.api.bigcommerce.store_secrets import KEPT_SECONDS, LOOKS, LOOKS_PER_SECOND, SecretCache
from sync_pipeline.api.problems import ProblemError
from sync_pipeline.batches.secrets import new_key_entry, parse_keys
from sync_pipeline.pipelines.store_search.stores.stores import Stores
from sync_pipeline_tests.api.bigcommerce.senders import SECRET, payload
from sync_pipeline_tests.api.conftest import serving


class Seconds:
    """A monotonic clock that only the test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def asked(stores: Stores) -> Iterator[list[str]]:
    """The statements that the ledger is asked about stores."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "FROM sync_pipeline.stores" in statement:
            statements.append(statement)

    event.listen(stores.ledger.engine, "before_cursor_execute", note)
    yield statements
    event.remove(stores.ledger.engine, "before_cursor_execute", note)


async def test_one_look_serves_all_for_its_time(stores: Stores, store: str, seconds: Seconds, asked: list[str]):
    cache = SecretCache(stores, seconds)
    asked.clear()
    found = await asyncio.gather(*(cache.get(store) for _ in range(500)))
    assert {secrets.webhook_secret for secrets in found if secrets} == {SECRET.encode()}
    seconds.now = KEPT_SECONDS - 0.1
    await cache.get(store)
    assert len(asked) == 1
    seconds.now = KEPT_SECONDS
    await asyncio.gather(*(cache.get(store) for _ in range(500)))
    assert len(asked) == 2
    stores.remove(store)
    seconds.now = 2 * KEPT_SECONDS
    assert await cache.get(store) is None


async def test_unknown_stores_have_a_budget_that_fills_again(stores: Stores, seconds: Seconds, asked: list[str]):
    cache = SecretCache(stores, seconds)

    async def unknown(numbers: range) -> int:
        """How many of the unknown stores were looked for."""
        found = await asyncio.gather(*(cache.get(f"made{number}up") for number in numbers), return_exceptions=True)
        assert all(answer is None or isinstance(answer, ProblemError) for answer in found)
        return found.count(None)

    assert await unknown(range(200)) == len(asked) == LOOKS
    assert await unknown(range(200)) == 0
    seconds.now = 1.0
    assert await unknown(range(200)) == LOOKS_PER_SECOND


def test_a_store_whose_key_is_missing_is_not_told_that_its_secret_is_wrong(stores: Stores, store: str):
    with serving(Stores(stores.ledger, parse_keys(new_key_entry("another")))) as receiver:
        path = f"/webhooks/bigcommerce/{store}"
        answer = receiver.post(path, content=payload(store), headers={"X-Sync-Secret": SECRET})
        assert answer.status_code == 503
        assert "k1" not in answer.text and "another" not in answer.text
