from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.pipelines.store_search.documents.category_paths import CategoryPaths, Unplaced, build_category_paths
from sync_pipeline_tests.pipelines.store_search.documents.builders import category

if TYPE_CHECKING:
    from sync_pipeline.connectors.bigcommerce.records import Category

HIDDEN, BELOW_HIDDEN, LOOP = Unplaced.HIDDEN, Unplaced.HIDDEN_ANCESTOR, Unplaced.LOOP


def test_a_path_names_every_ancestor_from_the_root() -> None:
    listing = [category(3, 2, name="Rings"), category(2, 1, name=" Fine  Jewelry "), category(1, 0, name="Accessories")]
    paths = build_category_paths(listing)
    assert paths.path(1) == "Accessories"
    assert paths.path(2) == "Accessories > Fine Jewelry"
    assert paths.path(3) == "Accessories > Fine Jewelry > Rings"
    assert paths.path(4) is None
    assert 3 in paths
    assert 4 not in paths


def test_a_hidden_category_hides_everything_below_it() -> None:
    paths = build_category_paths(
        [category(1), category(2, 1, visible=False), category(3, 2), category(4, 3), category(5, 1)]
    )
    assert [paths.path(one) for one in (1, 2, 3, 4, 5)] == ["1", None, None, None, "1 > 5"]
    assert [paths.places[one] for one in (2, 3, 4)] == [HIDDEN, BELOW_HIDDEN, BELOW_HIDDEN]


def test_a_loop_and_what_hangs_below_it_have_no_path() -> None:
    paths = build_category_paths(
        [category(1, 3), category(2, 1), category(3, 2), category(4, 3), category(5, 5), category(6)]
    )
    assert [paths.places[one] for one in (1, 2, 3, 4, 5)] == [LOOP] * 5
    assert [paths.path(one) for one in (1, 4, 5, 6)] == [None, None, None, "6"]


def test_hidden_wins_over_loop() -> None:
    paths = build_category_paths(
        [category(1, 2), category(2, 1, visible=False), category(3, 1), category(4, 4, visible=False)]
    )
    assert [paths.places[one] for one in (1, 2, 3, 4)] == [BELOW_HIDDEN, HIDDEN, BELOW_HIDDEN, HIDDEN]


def test_a_parent_that_is_not_listed_counts_as_none() -> None:
    assert build_category_paths([category(5, 99), category(6, None)]).path(5) == "5"


def test_a_nameless_ancestor_is_left_out_of_the_path() -> None:
    paths = build_category_paths([category(1, 0, name=" "), category(2, 1), category(3, 2, name=""), category(4, 3)])
    assert [paths.path(one) for one in (1, 2, 3, 4)] == [None, "2", "2", "2 > 4"]


def test_a_record_newer_than_the_listing_is_placed_as_it_reads_now() -> None:
    paths = build_category_paths([category(1, name="Old"), category(2, 1, name="Two"), category(3, visible=False)])
    assert paths.place(category(2, 1, name="Deux")) == build_category_paths([category(2, name="Old > Deux")]).places[2]
    assert (
        paths.place(category(9, 2, name="New")) == build_category_paths([category(9, name="Old > Two > New")]).places[9]
    )
    assert paths.place(category(2, 3)) is BELOW_HIDDEN
    assert paths.place(category(1, visible=False)) is HIDDEN
    assert paths.place(category(1, 1)) is LOOP


def test_a_long_chain_needs_no_recursion() -> None:
    chain = [category(one, one - 1, name="") for one in range(5000, 0, -1)]
    assert len(build_category_paths(chain).places) == 5000


CATEGORIES = st.lists(
    st.builds(
        category,
        st.integers(1, 9),
        st.integers(0, 10),
        name=st.sampled_from(["A", "B", ""]),
        visible=st.integers(0, 4).map(bool),
    ),
    unique_by=lambda one: one.category_id,
)


@given(CATEGORIES)
def test_every_forest_with_loops_and_gaps_is_placed_as_a_walk_upwards_says(listing: list[Category]) -> None:
    nodes = {one.category_id: one for one in listing}
    paths = build_category_paths(listing)
    assert paths.places.keys() == nodes.keys()
    for start, node in nodes.items():
        chain: list[Category] = []
        current: Category | None = node
        while current is not None and current not in chain:
            chain.append(current)
            current = nodes.get(current.parent_id or 0)
        if not node.is_visible:
            expected: object = HIDDEN
        elif not all(one.is_visible for one in chain):
            expected = BELOW_HIDDEN
        elif current is not None:
            expected = LOOP
        else:
            expected = " > ".join(one.name for one in reversed(chain) if one.name)
        place = paths.places[start]
        assert (place if isinstance(place, Unplaced) else place.text) == expected
        assert paths.place(node) == place


@given(CATEGORIES, st.randoms())
def test_the_order_of_the_listing_does_not_matter(listing: list[Category], random: object) -> None:
    shuffled = list(listing)
    random.shuffle(shuffled)  # pyright: ignore[reportAttributeAccessIssue]
    assert build_category_paths(shuffled).places == build_category_paths(listing).places


def test_no_listing_is_an_empty_tree() -> None:
    assert build_category_paths([]) == CategoryPaths()
