"""Invariant 8: stale holders are fenced."""

from __future__ import annotations

from sync_pipeline_tests.mutations.mutation import Mutation

BUILDS = "sync_pipeline/pipelines/store_search/index/build.py"
WRITING = "sync_pipeline/delivery/writing.py"
LANES = "sync_pipeline/batches/lanes.py"
PARTS = "sync_pipeline/batches/parts.py"

FENCED = "delivery/test_deliver.py::test_a_fenced_run_stops_before_it_writes_or_counts"
LANE_TESTS = "batches/test_lanes.py"
OVERTAKEN = (
    "pipelines/store_search/index/test_publishing.py::test_who_was_overtaken_publishes_removes_and_changes_nothing"
)

MUTATIONS = (
    Mutation(
        "the condition on which a lane is taken",
        ("8.1",),
        LANES,
        {"        where=or_(ScopeLock.holder.is_(None), ScopeLock.expires_at <= func.clock_timestamp()),\n": ""},
        (f"{LANE_TESTS}::test_a_lane_has_one_holder_and_the_two_lanes_of_a_scope_are_independent",),
    ),
    Mutation(
        "taking a lane in one statement",
        ("8.1",),
        LANES,
        {
            "        token = session.scalar(take)\n": (
                "        free = held is None or held.holder is None or held.expires_at <= session.scalar(func.now())\n"
                "        import time\n"
                "        time.sleep(0.05)\n"
                "        force = fresh.on_conflict_do_update(\n"
                "            index_elements=[ScopeLock.scope, ScopeLock.lane],\n"
                '            set_={"token": ScopeLock.token + 1, "holder": holder, "expires_at": LEASE_END},\n'
                "        ).returning(ScopeLock.token)\n"
                "        token = session.scalar(force) if free else None\n"
            )
        },
        (f"{LANE_TESTS}::test_of_many_at_once_one_gets_the_lane",),
    ),
    Mutation(
        "the expiry of a lease",
        ("8.1",),
        LANES,
        {", ScopeLock.expires_at <= func.clock_timestamp()": ""},
        ("batches/test_parts.py::test_after_a_holder_died_silently_the_next_run_gets_the_lane",),
    ),
    Mutation(
        "the renewal of a lease",
        ("8.1",),
        LANES,
        {".values(expires_at=LEASE_END)": ".values(holder=self.holder)"},
        (f"{LANE_TESTS}::test_a_renewed_lane_does_not_expire",),
    ),
    Mutation(
        "the growth of a lane's token",
        ("8.2",),
        LANES,
        {'set_={"token": ScopeLock.token + 1,': 'set_={"token": ScopeLock.token,'},
        (f"{LANE_TESTS}::test_the_token_grows_also_over_a_release",),
    ),
    Mutation(
        "the fence itself",
        ("8.3", "8.4"),
        LANES,
        {"if row is None or row.token != self.token or row.holder != self.holder:": "if False:"},
        (f"{LANE_TESTS}::test_who_slept_through_the_expiry_is_fenced",),
    ),
    Mutation(
        "the fence before a write",
        ("8.3",),
        WRITING,
        {"        await asyncio.to_thread(delivery.fence)\n        too_old": "        too_old"},
        (FENCED,),
    ),
    Mutation(
        "the fence before an index is published",
        ("8.3",),
        BUILDS,
        {"        await self.fence()\n        replaced": "        replaced"},
        (OVERTAKEN,),
    ),
    Mutation(
        "the fence before indices are removed",
        ("8.3",),
        BUILDS,
        {"        await self.fence()\n        for index in": "        for index in"},
        (OVERTAKEN,),
    ),
    Mutation(
        "the fence before synonyms are replaced",
        ("8.3",),
        BUILDS,
        {"        await self.fence()\n        await self.synonyms_set": "        await self.synonyms_set"},
        (OVERTAKEN,),
    ),
    Mutation(
        "the fence before an acknowledgement is counted",
        ("8.4",),
        WRITING,
        {"        await asyncio.to_thread(delivery.fence)\n        alive": "        alive"},
        (FENCED,),
    ),
    Mutation(
        "the fence before figures are recorded",
        ("8.4",),
        PARTS,
        {"        self.lane.check()\n": ""},
        ("batches/test_parts.py::test_a_part_that_lost_its_lane_records_nothing",),
    ),
    Mutation(
        "counting refusals",
        ("8.5",),
        LANES,
        {".values(refused=ScopeLock.refused + 1)": ".values(refused=ScopeLock.refused)"},
        (f"{LANE_TESTS}::test_every_refusal_is_counted_with_the_lane_and_logged",),
    ),
    Mutation(
        "logging refusals",
        ("8.5",),
        LANES,
        {'        log.error("write refused",': '        log.debug("nothing",'},
        (f"{LANE_TESTS}::test_every_refusal_is_counted_with_the_lane_and_logged",),
    ),
    Mutation(
        "the attempt that may write to a batch",
        ("8.5",),
        "sync_pipeline/batches/ledger.py",
        {"SyncBatch.id == batch.id, SyncBatch.attempt == batch.attempt,": "SyncBatch.id == batch.id,"},
        ("batches/test_ledger.py::test_an_attempt_that_was_superseded_cannot_write_any_more",),
    ),
    Mutation(
        "the fence before events are claimed",
        ("8.6",),
        "sync_pipeline/pipelines/store_search/events/claims.py",
        {"-> Sequence[WebhookEvent]:\n        self.lane.check()\n": "-> Sequence[WebhookEvent]:\n"},
        ("pipelines/store_search/events/test_event_claims.py::test_a_drain_that_was_overtaken_acknowledges_nothing",),
    ),
    Mutation(
        "the fence before what events tell of is written",
        ("8.6",),
        "sync_pipeline/pipelines/store_search/events/targets.py",
        {"            keep=self._keep,\n": "            keep=self._keep,\n            fence=lambda: None,\n"},
        (
            "pipelines/store_search/events/test_event_claims.py::test_a_drain_whose_lane_is_lost_in_the_middle_writes_no_more",
        ),
    ),
)
