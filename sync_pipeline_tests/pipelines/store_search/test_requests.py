"""What may be asked for, and what is refused before anything is stored."""

from __future__ import annotations

from typing import Any

import pytest

from sync_pipeline.errors import UsageError
from sync_pipeline.pipelines.store_search.requests import document_keys, store_request
from sync_pipeline.pipelines.store_search.types import BatchType


@pytest.mark.parametrize(
    ("batch_type", "ids", "keys"),
    [
        (BatchType.PRODUCT, ["12", " 7", "product-12"], ["product-12", "product-7"]),
        (BatchType.CATEGORY, ["3", "page-3", "category-4"], ["category-3", "page-3", "category-4"]),
        (BatchType.BLOG, ["1", "post-2"], ["post-1", "post-2"]),
        (BatchType.ALL, ["product-1", "post-1"], ["product-1", "post-1"]),
    ],
)
def test_ids_become_document_ids(batch_type: BatchType, ids: list[str], keys: list[str]):
    assert document_keys(batch_type, ids) == keys


@pytest.mark.parametrize(
    ("batch_type", "wrong"),
    [
        (BatchType.PRODUCT, "x"),
        (BatchType.PRODUCT, ""),
        (BatchType.PRODUCT, "0"),
        (BatchType.PRODUCT, "-5"),
        (BatchType.PRODUCT, "1.5"),
        (BatchType.PRODUCT, "page-3"),
        (BatchType.PRODUCT, str(2**63)),
        (BatchType.CATEGORY, "post-1"),
        (BatchType.ALL, "12"),
        (BatchType.ALL, "brand-1"),
    ],
)
def test_what_is_no_id_of_the_type_is_refused(batch_type: BatchType, wrong: str):
    with pytest.raises(UsageError):
        document_keys(batch_type, ["product-1" if batch_type is BatchType.ALL else "1", wrong])


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "sideways"},
        {"mode": "selective"},
        {"ids": ["1"]},
        {"mode": "selective", "ids": [str(number) for number in range(1, 10_002)]},
    ],
)
def test_wrong_combinations_are_refused(options: dict[str, Any]):
    with pytest.raises(UsageError):
        store_request("abc", BatchType.PRODUCT, **options)


def test_words_have_no_modes():
    with pytest.raises(UsageError, match="stop-words batches have none"):
        store_request("abc", BatchType.STOP_WORDS, mode="incremental")
