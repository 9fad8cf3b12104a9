from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_64_hexdigest

from sync_pipeline.connectors.bigcommerce.records import Page, Product
from sync_pipeline.operations import Action, Operation, Rejected
from sync_pipeline.pipelines.store_search.documents.rendering import MAX_BODY, render, splice
from sync_pipeline_tests.pipelines.store_search.documents.builders import (
    ITEM_OF,
    NOW,
    body,
    category,
    context,
    decodable,
    item,
    record,
)


class Content(msgspec.Struct, omit_defaults=True):
    a: Any = None
    b: Any = None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=4,
)


def test_the_body_is_the_content_with_the_sync_part_behind() -> None:
    content, fingerprint = render(Content(a="é", b=[1]))
    moment = datetime(2026, 1, 2, 3, 4, 5, 999, tzinfo=UTC)
    assert content == '{"a":"é","b":[1]}'.encode()
    assert splice(content, fingerprint=fingerprint, version=9, batch_id='b"1', synced_at=moment) == (
        b'{"a":"\xc3\xa9","b":[1],"sync":{"fingerprint":"' + fingerprint.encode() + b'",'
        b'"version":9,"batch_id":"b\\"1","synced_at":"2026-01-02T03:04:05Z"}}'
    )


def test_the_fingerprint_of_known_content_stays_the_same_between_releases() -> None:
    # Pinned: were the hash to change, every stored fingerprint would differ and every document be written again.
    assert render(Content(a=1)) == (b'{"a":1}', "c5e3762ffc8453c6")


@given(VALUES, VALUES, VALUES)
def test_the_fingerprint_changes_exactly_when_the_content_does(one: Any, two: Any, three: Any) -> None:
    content, fingerprint = render(Content(a=one, b=two))
    other_content, other = render(Content(a=three, b=two))
    assert render(Content(a=one, b=two)) == (content, fingerprint)
    assert (fingerprint == other) == (content == other_content)
    assert len(fingerprint) == 16
    assert int(fingerprint, 16) >= 0


def test_version_batch_and_moment_are_no_part_of_the_fingerprint() -> None:
    product = record(Product)
    first = item(product, version=1, batch_id="a", synced_at=NOW)
    second = item(product, version=2, batch_id=17, synced_at=NOW + timedelta(days=1))
    assert isinstance(first, Operation)
    assert isinstance(second, Operation)
    assert first.fingerprint == second.fingerprint
    assert first.body != second.body
    assert (first.key, first.action, first.version, second.version) == ("product-12", Action.UPSERT, 1, 2)
    assert json.loads(second.body or b"")["sync"] == {
        "fingerprint": second.fingerprint,
        "version": 2,
        "batch_id": 17,
        "synced_at": "2026-03-05T05:06:07Z",
    }


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Jug"},
        {"price": 5},
        {"is_featured": True},
        {"categories": [1]},
        {"custom_fields": [{"name": "a", "value": 1}]},
    ],
)
def test_every_change_of_what_a_shopper_sees_changes_the_fingerprint(change: dict[str, Any]) -> None:
    store = context(category(1))
    before, after = item(record(Product), store), item(record(Product, **change), store)
    assert isinstance(before, Operation)
    assert isinstance(after, Operation)
    assert before.fingerprint != after.fingerprint


@given(st.one_of([decodable(struct) for struct in ITEM_OF]))
def test_the_fingerprint_can_be_recomputed_from_the_stored_document(source: msgspec.Struct) -> None:
    outcome = item(source)
    if not isinstance(outcome, Operation) or outcome.body is None:
        return
    stored = json.loads(outcome.body)
    sync = stored.pop("sync")
    content = msgspec.json.encode(stored)
    assert outcome.body.startswith(content[:-1] + b',"sync":{')
    assert sync["fingerprint"] == outcome.fingerprint == xxh3_64_hexdigest(content)


def test_a_document_over_the_bound_is_rejected_with_its_size() -> None:
    fields = [{"name": "notes", "value": "x" * 1000}] * (MAX_BODY // 1000)
    outcome = item(record(Product, custom_fields=fields))
    assert isinstance(outcome, Rejected)
    assert (outcome.key, outcome.reason, outcome.version) == ("product-12", "too_large", 7)
    assert "5.1 MB" in outcome.message
    assert json.loads(outcome.payload)["custom_fields"] == fields


def test_long_markup_is_cut_and_not_rejected() -> None:
    document = body(record(Page, body="<p>" + "word " * 2_000_000 + "</p>"))
    assert 99_000 < len(document["body"]) <= 100_000
