"""How well the search request finds what it should, on the documents of two shops."""

from __future__ import annotations

import pytest

from sync_pipeline_tests.real_shop import real_shop
from sync_pipeline_tests.search_quality import DEMO, OURS, REAL, Subject, by_query, compare, summary

#: Below them a change of the request has lost something; docs/search.md has what was measured.
LEAST = {DEMO.name: (30, 0.85), REAL.name: (29, 0.93)}


@pytest.mark.real_elasticsearch
@pytest.mark.parametrize("subject", [DEMO, REAL], ids=lambda subject: subject.name)
async def test_the_search_request_finds_more_than_the_default_and_as_much_as_it_did(
    elasticsearch_url: str, subject: Subject
) -> None:
    if subject.folder is not None:
        real_shop()
    measured, _ = await compare(elasticsearch_url, subject)
    ours, *others = measured.values()
    told = "\n".join([*summary(measured), *by_query(measured)])
    least_found, least_rank = LEAST[subject.name]
    assert ours is measured[OURS]
    assert ours.succeeded >= least_found, told
    assert (ours.mean_reciprocal_rank or 0) >= least_rank, told
    for other in others:
        assert ours.succeeded > other.succeeded, told
