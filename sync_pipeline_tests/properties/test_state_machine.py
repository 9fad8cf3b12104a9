"""However edits, webhooks, batches, drains, slow writers and kills follow and interrupt each other, the index ends as
the store is.
"""

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
from sync_pipeline.delivery.preview import changed_fields
from sync_pipeline.errors import SyncPipelineError
from sync_pipeline.pipelines.store_search.types import IMPORTS, Part
from sync_pipeline_tests.conftest import REAL_SERVERS
from sync_pipeline_tests.pipelines.store_search.conftest import Shop
from sync_pipeline_tests.pipelines.store_search.imports.odd_records import dead_letters
from sync_pipeline_tests.properties.edits import Edit, edits
from sync_pipeline_tests.properties.interruptions import Alongside, Interruptions, KilledError, Steps
from sync_pipeline_tests.properties.told_shop import ToldShop
from sync_pipeline_tests.properties.webhooks import FATES, ON_TIME
from sync_pipeline_tests.schedules import USUAL, schedules

#: An edit, and what becomes of its webhooks: of most there is one.
TOLD_EDITS = st.tuples(st.just("edit"), edits(), st.lists(FATES, min_size=1, max_size=2))
#: Edits just before a drain, so that it mostly has something to do.
BEFORE = st.lists(TOLD_EDITS, min_size=1, max_size=2)
BULK = st.sampled_from(["full", "full", "incremental", "reindex"])
#: Something that happens between two steps: an edit, a slow writer, a webhook that comes late, the end.
MEANWHILE = [
    TOLD_EDITS,
    st.tuples(st.sampled_from(["late", "told late"]), st.integers(0, 3)),
    st.just(("kill",)),
]
INNER = st.dictionaries(st.integers(2, 12), st.one_of(MEANWHILE), max_size=2)
#: In the other lane, while a batch is at work: a drain.
MEANWHILES = st.dictionaries(
    st.integers(1, 20), st.one_of(*MEANWHILE, *[st.tuples(st.just("drain"), BEFORE, INNER)] * 3), min_size=1, max_size=3
)
#: And while a drain is at work: a batch that takes some of its steps, beginning or going on; a sleep of the drain.
DRAIN_MEANWHILES = st.dictionaries(
    st.integers(2, 12),
    st.one_of(*MEANWHILE, *[st.tuples(st.just("beside"), BULK, st.integers(1, 20))] * 3, st.just(("oversleep",))),
    max_size=3,
)

#: A real Elasticsearch takes seconds to make the indices of a batch.
SCHEDULES = USUAL // 10 if REAL_SERVERS["ELASTICSEARCH_URL"] else USUAL

#: What may come next. One strategy and not a rule each: Hypothesis would leave most of them out of most schedules.
ACTIONS = st.one_of(
    st.tuples(
        st.just("edits"), st.sampled_from([*IMPORTS, Part.PRODUCTS]), st.lists(TOLD_EDITS, min_size=1, max_size=3)
    ),
    st.tuples(st.sampled_from(["late", "late", "told late"]), st.integers(0, 3)),
    st.tuples(BULK, MEANWHILES),
    st.tuples(BULK, MEANWHILES),
    st.tuples(st.just("selective"), st.integers(0, 60), MEANWHILES),
    st.tuples(st.just("drain"), BEFORE, DRAIN_MEANWHILES),
    st.tuples(st.just("drain"), BEFORE, DRAIN_MEANWHILES),
    st.sampled_from([("restart",), ("quiet hours",)]),
)


class Interleavings(RuleBasedStateMachine):
    """One schedule: it begins with a new shop, and ends when the index was compared with it.

    ``all_told``: there are only edits that webhooks tell of, and none of these is lost. Then no batch is needed but
    those that drains and batches asked for.
    """

    def __init__(self, new_shop: Callable[[], Shop], *, all_told: bool) -> None:
        super().__init__()
        self.all_told = all_told
        self.it = ToldShop.of(new_shop())
        self.it.sync({}, mode="full")
        self.beside: Alongside | None = None
        self.words = 0
        self.versions = self.it.versions()
        self.buried: set[str] = set()

    @rule(what=ACTIONS)
    def act(self, what: tuple[Any, ...]) -> None:
        self.it.webhooks.second += 1
        try:
            self.do(what)
        finally:
            if self.beside is not None:
                self.beside.finish()
                self.beside = None

    def do(self, what: tuple[Any, ...]) -> None:
        match what:
            case ("edits", part, some):
                # A slow writer may have read the records just before.
                self.it.capture(part)
                for edit in some:
                    self.meanwhile(edit)
            case ("selective", which, meanwhile):
                self.attempt(lambda: self.it.sync(self.steps(meanwhile), mode="selective", ids=self.some_keys(which)))
            case ("full" | "incremental" | "reindex" as kind, meanwhile):
                self.batch(kind, Interruptions(self.steps(meanwhile)))
            case ("restart",):
                self.attempt(self.it.restart)
            case ("quiet hours",):
                # From then on, incremental batches do not look back at what was before.
                for _ in range(2):
                    self.it.sync({}, mode="incremental", confirm_deletes=True)
                    self.it.pass_time(3600)
            case _:
                self.meanwhile(what)

    @invariant()
    def nothing_stale_wins(self) -> None:
        """No document becomes older than it was, and none comes back whose record is deleted.

        While a batch is at work it may be just after its swap: a drain that saw no index but the former one, wrote
        into it after the batch's last look and was killed then, is made good when the batch has looked there once more.
        So then it is only remembered, and asserted afterwards.
        """
        before, now = self.versions, self.it.versions()
        older = {key: before[key] for key, version in now.items() if version < before.get(key, 0)}
        self.versions = now | older
        self.buried |= (before.keys() - now.keys()) - self.it.shop.keys()
        if not self.it.is_at_work(LaneName.BULK):
            assert older == {}
            assert self.buried & now.keys() == set()

    def teardown(self) -> None:
        self.it.tell_all()
        self.it.check_events(self.it.drain({}))
        if self.all_told:
            self.it.do_as_asked()
        self.it.shop.refresh()
        drained, poison = self.it.shop.documents(), dead_letters(self.it.shop).keys()
        batch = self.it.sync({}, mode="incremental", confirm_deletes=True)
        assert batch.status == Status.COMPLETED
        found = self.it.shop.documents()
        self.it.sync({}, mode="full", confirm_deletes=True)
        # A record that has become unusable keeps its last document until the next full batch, and a dead letter.
        unusable = dead_letters(self.it.shop).keys()
        wanted = self.it.shop.documents()
        assert {key: document for key, document in found.items() if key not in unusable} == wanted
        if self.all_told:
            # What too many drains died with is a dead letter until it is read again.
            usable = wanted.keys() - poison
            assert drained.keys() - unusable - poison == usable
            # An edit that changes nothing is dated, but no webhook tells of it.
            differing = {key: changed_fields(drained[key], wanted[key]).keys() - {"date_modified"} for key in usable}
            assert {key: names for key, names in differing.items() if names} == {}

    def steps(self, meanwhile: Mapping[int, Any]) -> Steps:
        """What happens before which step; nothing where that is left out."""

        def act(what: Any) -> Callable[[], None] | None:
            return None if what == ("kill",) else lambda: self.meanwhile(what)

        return {step: act(what) for step, what in meanwhile.items()}

    def meanwhile(self, what: tuple[Any, ...]) -> None:
        """What may happen by itself and between two steps."""
        match what:
            case ("edit", Edit() as edit, fates) if edit.is_told or not self.all_told:
                self.it.edit(edit, [ON_TIME if self.all_told and fate.is_lost else fate for fate in fates])
            case ("late", which):
                self.it.write_late(which)
            case ("told late", which):
                self.it.tell_late(which)
            case ("drain", before, meanwhile):
                for edit in before:
                    self.meanwhile(edit)
                self.attempt(lambda: self.it.drain(self.steps(meanwhile)))
                # A batch that goes on from here must not lose what was just written.
                self.nothing_stale_wins()
            case ("beside", kind, steps):
                if self.beside is None:
                    self.beside = Alongside(lambda turn: self.batch(kind, Interruptions({}, turn)))
                self.beside.go_on(steps)
            case ("oversleep",):
                # Others do not wait for it.
                self.it.oversleep(LaneName.EVENTS)
                self.attempt(lambda: self.it.drain({}))

    def batch(self, kind: str, interruptions: Interruptions) -> None:
        if kind == "reindex":
            self.words += 1
            self.attempt(lambda: self.it.reindex(interruptions, [f"word{self.words}"]))
        else:
            self.attempt(lambda: self.it.sync(interruptions, mode=kind, confirm_deletes=True))

    def some_keys(self, which: int) -> list[str]:
        keys = sorted(self.it.shop.keys())
        return [keys[(which + offset) % len(keys)] for offset in range(0, len(keys), 5)] + [f"product-{which + 1}"]

    @staticmethod
    def attempt(work: Callable[[], object]) -> None:
        """A batch may fail in one line (what it found was not what it had read), but nothing else may go wrong."""
        with suppress(SyncPipelineError, KilledError):
            work()


def run_schedules(new_shop: Callable[[], Shop], *, all_told: bool, number: int) -> None:
    class OnShops(Interleavings):
        def __init__(self) -> None:
            super().__init__(new_shop, all_told=all_told)

    run_state_machine_as_test(
        OnShops,
        settings=settings(
            max_examples=schedules(number),
            stateful_step_count=6,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )


@pytest.mark.chaos
@pytest.mark.invariant("1.4", "1.5", "2.5", "2.8", "2.9", "3.4")
@pytest.mark.real_elasticsearch
@pytest.mark.timeout(0)
def test_whatever_happens_the_index_ends_as_the_store_is(new_small_shop: Callable[[], Shop]):
    run_schedules(new_small_shop, all_told=False, number=SCHEDULES * 2 // 5)


@pytest.mark.chaos
@pytest.mark.invariant("1.1", "1.4", "1.5", "2.5", "2.8")
@pytest.mark.real_elasticsearch
@pytest.mark.timeout(0)
def test_with_every_webhook_told_the_index_needs_no_batch_whatever_happens(new_small_shop: Callable[[], Shop]):
    run_schedules(new_small_shop, all_told=True, number=SCHEDULES // 4)
