"""A store's physical indices: made, listed, finished, swapped, removed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest

from sync_pipeline.connectors.elasticsearch.bulk import BulkIndex
from sync_pipeline.connectors.elasticsearch.failures import SearchClusterError
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline_tests.connectors.elasticsearch.stores import SIMPLE, new_index, own_store, upsert

pytestmark = pytest.mark.real_elasticsearch


async def filled(indices: StoreIndices, *keys: str, kind: str = "products") -> str:
    name = await new_index(indices, kind=kind)
    await BulkIndex(indices.cluster, name).write([upsert(key, 1) for key in keys])
    await indices.finish_build(name)
    return name


async def found(indices: StoreIndices, alias: str) -> list[str]:
    answer = await indices.cluster.client.search(index=alias, size=100, ignore_unavailable=True)
    return sorted(hit["_id"] for hit in answer["hits"]["hits"])


def test_names_end_in_the_moment_in_utc_to_the_millisecond(indices: StoreIndices) -> None:
    here = timezone(timedelta(hours=2))
    name = indices.new_name("blog", datetime(2026, 3, 4, 1, 6, 7, 8999, tzinfo=here))
    assert name == f"{indices.alias}-blog-20260303230607008"


async def test_a_new_index_is_listed_with_what_was_said_of_it_and_behind_no_alias(indices: StoreIndices) -> None:
    body = {**SIMPLE, "mappings": {**SIMPLE["mappings"], "_meta": {"batch_id": 12, "attempt": 2}}}
    name = indices.new_name("products", datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC))
    assert not await indices.exists(name)
    await indices.create(name, body)
    assert await indices.exists(name)
    (index,) = await indices.list()
    assert (index.name, index.kind, index.aliases) == (name, "products", frozenset())
    assert index.created == datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    assert index.meta == {"batch_id": 12, "attempt": 2, "index": name}
    assert await indices.count(name) == 0


@pytest.mark.invariant("2.1")
async def test_a_creation_whose_answer_was_lost_may_be_repeated_but_nobody_elses_index_is_taken(
    indices: StoreIndices,
) -> None:
    body = {**SIMPLE, "mappings": {**SIMPLE["mappings"], "_meta": {"batch_id": 12, "attempt": 2}}}
    name = await new_index(indices, body=body)
    await indices.create(name, body)
    with pytest.raises(SearchClusterError, match="already exists"):
        await indices.create(name, SIMPLE)


async def test_the_list_is_by_age_and_knows_only_its_own_store(indices: StoreIndices) -> None:
    names = [await new_index(indices, kind=kind) for kind in ("products", "blog", "products")]
    longer = StoreIndices(indices.cluster, indices.alias.removeprefix("store-") + "-products")
    stranger = await new_index(longer)
    try:
        assert [index.name for index in await indices.list()] == names
        assert [index.name for index in await longer.list()] == [stranger]
    finally:
        await longer.delete(stranger)


async def test_a_closed_index_is_still_listed(indices: StoreIndices) -> None:
    name = await filled(indices, "a")
    await indices.cluster.client.indices.close(index=name)
    assert [index.name for index in await indices.list()] == [name]


@pytest.mark.invariant("6.6")
async def test_an_index_without_its_data_is_still_listed_and_can_be_deleted(indices: StoreIndices) -> None:
    name = indices.new_name("products", datetime(2026, 1, 2, tzinfo=UTC))
    await indices.cluster.client.indices.create(
        index=name,
        settings={"index.routing.allocation.require._name": "no such node", "number_of_replicas": 0},
        mappings=SIMPLE["mappings"],
        wait_for_active_shards=0,
    )
    assert [index.name for index in await indices.list()] == [name]
    await indices.delete(name)
    assert await indices.list() == []


async def test_deleting_twice_is_fine_and_touches_nothing_else(indices: StoreIndices) -> None:
    gone, stays = await new_index(indices), await new_index(indices)
    await indices.delete(gone)
    await indices.delete(gone)
    assert [index.name for index in await indices.list()] == [stays]


@pytest.mark.invariant("5.1", "5.3")
async def test_a_build_is_searched_only_after_it_was_finished(indices: StoreIndices) -> None:
    name = await new_index(indices)
    await BulkIndex(indices.cluster, name).write([upsert("a", 1)])
    settings = (await indices.cluster.client.indices.get_settings(index=name))[name]["settings"]["index"]
    assert (settings["refresh_interval"], settings["number_of_replicas"]) == ("-1", "0")
    await indices.finish_build(name)
    assert await indices.count(name) == 1
    settings = (await indices.cluster.client.indices.get_settings(index=name))[name]["settings"]["index"]
    assert "refresh_interval" not in settings
    assert settings["auto_expand_replicas"] == "0-1"


async def test_counting_what_is_not_there_is_zero(indices: StoreIndices) -> None:
    assert await indices.count(indices.alias_of("products")) == 0
    assert await indices.current("products") == []
    assert await indices.behind_store() == []


@pytest.mark.invariant("5.2")
async def test_a_swap_moves_both_aliases_and_leaves_other_kinds_alone(indices: StoreIndices) -> None:
    old, new, blog = (
        await filled(indices, "a"),
        await filled(indices, "a", "b"),
        await filled(indices, "post", kind="blog"),
    )
    assert await indices.swap({"products": old, "blog": blog}) == {"products": [], "blog": []}
    assert await found(indices, indices.alias) == ["a", "post"]
    assert await indices.swap({"products": new}) == {"products": [old]}
    assert await indices.current("products") == [new]
    assert await indices.current("blog") == [blog]
    assert await indices.behind_store() == sorted([new, blog])
    assert await found(indices, indices.alias) == ["a", "b", "post"]
    assert await found(indices, indices.alias_of("products")) == ["a", "b"]
    by_name = {index.name: index.aliases for index in await indices.list()}
    assert by_name == {
        old: frozenset(),
        new: {indices.alias, indices.alias_of("products")},
        blog: {indices.alias, indices.alias_of("blog")},
    }


async def test_a_swap_can_be_taken_back_and_repeated(indices: StoreIndices) -> None:
    old, new = await filled(indices, "a"), await filled(indices, "b")
    await indices.swap({"products": old})
    await indices.swap({"products": new})
    assert await indices.swap({"products": old}) == {"products": [new]}
    assert await indices.swap({"products": old}) == {"products": []}
    assert await found(indices, indices.alias) == await found(indices, indices.alias_of("products")) == ["a"]


@pytest.mark.invariant("5.2")
async def test_searches_during_swaps_always_see_one_whole_index(indices: StoreIndices) -> None:
    names = [await filled(indices, *"abc"), await filled(indices, *"abc")]
    await indices.swap({"products": names[0]})
    swapping = True

    async def search() -> set[tuple[str, ...]]:
        seen = set()
        while swapping:
            seen.add(tuple(await found(indices, indices.alias)))
        return seen

    searches = [asyncio.create_task(search()) for _ in range(2)]
    for turn in range(10):
        await indices.swap({"products": names[(turn + 1) % 2]})
    swapping = False
    assert set().union(*await asyncio.gather(*searches)) == {("a", "b", "c")}


@pytest.mark.invariant("5.5")
@pytest.mark.parametrize("accident", [False, True], ids=["gone", "made by a write"])
async def test_an_index_that_nobody_made_is_never_put_behind_an_alias(indices: StoreIndices, *, accident: bool) -> None:
    good, missing = await filled(indices, "a"), await new_index(indices)
    await indices.swap({"products": good})
    await indices.delete(missing)
    if accident:
        await indices.cluster.client.index(index=missing, id="stray", document={"text": "x"})
    with pytest.raises(SearchClusterError, match=f"there is no index {missing}"):
        await indices.swap({"products": missing})
    assert await indices.current("products") == [good]


@pytest.mark.parametrize("taken", ["the store's", "the kind's"])
async def test_an_index_with_an_aliass_name_is_told_in_one_line(indices: StoreIndices, taken: str) -> None:
    blocking = indices.alias if taken == "the store's" else indices.alias_of("products")
    name = await new_index(indices)
    await indices.cluster.client.indices.create(index=blocking)
    try:
        with pytest.raises(SearchClusterError, match="delete or rename that index") as refusal:
            await indices.swap({"products": name})
        assert blocking in str(refusal.value)
        assert "\n" not in str(refusal.value)
    finally:
        await indices.delete(blocking)
    await indices.swap({"products": name})


@pytest.mark.invariant("5.2")
async def test_of_two_swaps_at_once_none_leaves_two_indices_behind_an_alias(indices: StoreIndices) -> None:
    first = await filled(indices, "a")
    rivals = [await filled(indices, "b"), await filled(indices, "c")]
    await indices.swap({"products": first})
    outcomes = await asyncio.gather(*(indices.swap({"products": name}) for name in rivals), return_exceptions=True)
    errors = [outcome for outcome in outcomes if not isinstance(outcome, dict)]
    assert all(isinstance(error, SearchClusterError) for error in errors)
    (current,) = await indices.current("products")
    assert current in rivals
    assert await indices.behind_store() == [current]


async def test_stores_do_not_see_each_other(indices: StoreIndices) -> None:
    async with own_store(indices.cluster) as other:
        mine, theirs = await filled(indices, "a"), await filled(other, "b")
        await indices.swap({"products": mine})
        await other.swap({"products": theirs})
        assert await found(indices, indices.alias) == ["a"]
        assert await found(other, other.alias) == ["b"]
