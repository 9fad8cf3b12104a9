"""However edits, batches, slow writers and kills follow and interrupt each other, the index ends as the store is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from sync_pipeline.batches.requests import LaneName
from sync_pipeline.batches.states import Status
from sync_pipeline.errors import SyncPipelineError
from sync_pipeline.pipelines.store_search.types import IMPORTS, Part
from sync_pipeline_tests.conftest import REAL_SERVERS
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.pipelines.store_search.odd_records import dead_letters
from sync_pipeline_tests.properties.edits import Edit, edits
from sync_pipeline_tests.properties.interrupted_shop import InterruptedShop, KilledError, Steps
from sync_pipeline_tests.schedules import USUAL, schedules

#: Something that happens between two steps of a batch: an edit, a slow writer, an event's own batch, the end.
MEANWHILE = st.one_of(
    edits(),
    st.tuples(st.just("late"), st.integers(0, 3)),
    st.tuples(st.just("event"), st.integers(0, 60)),
    st.just(("kill", 0)),
)
MEANWHILES = st.dictionaries(st.integers(1, 16), MEANWHILE, max_size=4)

#: A real Elasticsearch takes seconds to make the indices of a batch.
SCHEDULES = USUAL // 10 if REAL_SERVERS["ELASTICSEARCH_URL"] else USUAL

#: What may come next. One strategy and not a rule each: Hypothesis would leave most of them out of most schedules.
ACTIONS = st.one_of(
    st.tuples(st.just("edit"), st.sampled_from(IMPORTS), st.lists(edits(), min_size=1, max_size=4)),
    st.tuples(st.just("edit"), st.just(Part.PRODUCTS), st.lists(edits(), min_size=1, max_size=4)),
    st.tuples(st.just("late"), st.integers(0, 3), st.integers(1, 2)),
    st.tuples(st.just("late"), st.just(0), st.just(1)),
    st.tuples(st.sampled_from(["full", "incremental"]), MEANWHILES),
    st.tuples(st.just("incremental"), MEANWHILES),
    st.tuples(st.just("selective"), st.integers(0, 60), MEANWHILES),
    st.tuples(st.just("reindex"), st.sampled_from(["anchor", "kettle", "new"]), MEANWHILES),
    st.just(("restart",)),
    st.just(("quiet hours",)),
)


class Interleavings(RuleBasedStateMachine):
    """One schedule: it begins with a new shop, and ends when the index was compared with it."""

    def __init__(self, new_shop: Callable[[], Shop]) -> None:
        super().__init__()
        self.it = InterruptedShop.of(new_shop())
        self.it.sync({}, mode="full")
        self.versions = self.it.versions()
        self.buried: set[str] = set()

    @rule(what=ACTIONS)
    def act(self, what: tuple[Any, ...]) -> None:
        match what:
            case ("edit", part, some):
                # A slow writer may have read the records just before.
                self.it.capture(part)
                for edit in some:
                    edit.apply(self.it.shop)
            case ("late", which, times):
                for _ in range(times):
                    self.it.write_late(which)
            case ("reindex", word, meanwhile):
                self.attempt(lambda: self.it.reindex(self.steps(meanwhile), [word]))
            case ("selective", which, meanwhile):
                self.attempt(lambda: self.it.sync(self.steps(meanwhile), mode="selective", ids=self.some_keys(which)))
            case ("restart",):
                self.attempt(self.it.restart)
            case ("quiet hours",):
                # From then on, incremental batches do not look back at what was before.
                for _ in range(2):
                    self.it.sync({}, mode="incremental", confirm_deletes=True)
                    self.it.pass_time(3600)
            case (mode, meanwhile):
                self.attempt(lambda: self.it.sync(self.steps(meanwhile), mode=mode, confirm_deletes=True))

    @invariant()
    def nothing_stale_wins(self) -> None:
        """No document becomes older than it was, and none comes back whose record is deleted."""
        before, self.versions = self.versions, self.it.versions()
        assert {key: before[key] for key, version in self.versions.items() if version < before.get(key, 0)} == {}
        self.buried |= (before.keys() - self.versions.keys()) - self.it.shop.keys()
        assert self.buried & self.versions.keys() == set()

    def teardown(self) -> None:
        batch = self.it.sync({}, mode="incremental", confirm_deletes=True)
        assert batch.status == Status.COMPLETED
        found = self.it.shop.documents()
        self.it.sync({}, mode="full", confirm_deletes=True)
        # A record that has become unusable keeps its last document until the next full batch, and a dead letter.
        unusable = dead_letters(self.it.shop).keys()
        assert {key: document for key, document in found.items() if key not in unusable} == self.it.shop.documents()

    def steps(self, meanwhile: Mapping[int, Any]) -> Steps:
        def act(what: Any) -> Callable[[], None] | None:
            match what:
                case Edit():
                    return lambda: what.apply(self.it.shop)
                case ("late", which):
                    return lambda: self.it.write_late(which)
                case ("event", which):
                    return lambda: self.event(which)
            return None

        return {step: act(what) for step, what in meanwhile.items()}

    def event(self, which: int) -> None:
        """Somebody is told that records changed, and brings them up to date in the other lane."""
        self.attempt(lambda: self.it.sync({}, lane=LaneName.EVENTS, mode="selective", ids=self.some_keys(which)))

    def some_keys(self, which: int) -> list[str]:
        keys = sorted(self.it.shop.keys())
        return [keys[(which + offset) % len(keys)] for offset in range(0, len(keys), 5)] + [f"product-{which + 1}"]

    @staticmethod
    def attempt(work: Callable[[], object]) -> None:
        """A batch may fail in one line (what it found was not what it had read), but nothing else may go wrong."""
        with suppress(SyncPipelineError, KilledError):
            work()


@pytest.mark.chaos
@pytest.mark.invariant("1.5", "2.9")
@pytest.mark.real_elasticsearch
@pytest.mark.timeout(0)
def test_whatever_happens_the_index_ends_as_the_store_is(new_small_shop: Callable[[], Shop]):
    class OnSmallShops(Interleavings):
        def __init__(self) -> None:
            super().__init__(new_small_shop)

    run_state_machine_as_test(
        OnSmallShops,
        settings=settings(
            max_examples=schedules(SCHEDULES),
            stateful_step_count=6,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
