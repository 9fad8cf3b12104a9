"""Invariant 2: nothing stale wins."""

from __future__ import annotations

from sync_pipeline_tests.mutations.mutation import Mutation

BUILDS = "sync_pipeline/pipelines/store_search/index/build.py"
BULK = "sync_pipeline/connectors/elasticsearch/bulk.py"
COMPARE = "sync_pipeline/delivery/compare.py"
MODES = "sync_pipeline/pipelines/store_search/imports/changes.py"
LEDGER = "sync_pipeline/batches/ledger.py"
OWNERSHIP = "sync_pipeline/pipelines/store_search/index/ownership.py"
PRODUCTS = "sync_pipeline/connectors/bigcommerce/products.py"
REINDEX = "sync_pipeline/connectors/elasticsearch/reindex.py"
REQUEST = "sync_pipeline/connectors/bigcommerce/request.py"
SEARCH_WORDS = "sync_pipeline/pipelines/store_search/words/apply.py"
TOMBSTONES = "sync_pipeline/delivery/tombstones.py"
WRITING = "sync_pipeline/delivery/writing.py"

BULK_TESTS = "connectors/elasticsearch/test_bulk.py"
BURIED = "pipelines/store_search/index/test_buried.py"
OWNERSHIP_TESTS = "pipelines/store_search/index/test_ownership.py"
MODE_TESTS = "pipelines/store_search/imports/test_modes.py"
STORE_TESTS = "pipelines/store_search/source/test_store_memory.py"
TOMBSTONE_TESTS = "delivery/test_tombstones.py"

_INDEX_LINE = '{"index":{"_id":%b,"version":%d,"version_type":"external_gte"}}\\n%b\\n\' % (*place, body)'
_DELETE_LINE = '{"delete":{"_id":%b,"version":%d,"version_type":"external_gte"}}\\n\' % place'

MUTATIONS = (
    Mutation(
        "taking a write of the same version again",
        ("2.1",),
        BULK,
        {_INDEX_LINE: _INDEX_LINE.replace("external_gte", "external")},
        (f"{BULK_TESTS}::test_a_write_applied_but_not_acknowledged_is_simply_written_again",),
    ),
    Mutation(
        "taking a delete of the same version again",
        ("2.1",),
        BULK,
        {_DELETE_LINE: _DELETE_LINE.replace("external_gte", "external")},
        (
            "connectors/elasticsearch/test_bulk_faults.py"
            "::test_one_request_carries_the_bodies_untouched_and_asks_for_a_short_answer",
        ),
    ),
    Mutation(
        "the version that an upsert carries",
        ("2.2",),
        BULK,
        {_INDEX_LINE: '{"index":{"_id":%b}}\\n%b\\n\' % (place[0], body)'},
        (f"{BULK_TESTS}::test_an_older_write_is_stale_and_changes_nothing",),
    ),
    Mutation(
        "the version that a delete carries",
        ("2.2",),
        BULK,
        {_DELETE_LINE: '{"delete":{"_id":%b}}\\n\' % place[0]'},
        (f"{BULK_TESTS}::test_an_older_write_is_stale_and_changes_nothing",),
    ),
    Mutation(
        "the versions in a copy that the cluster makes",
        ("2.2",),
        REINDEX,
        {'{"index": destination, "version_type": "external"}': '{"index": destination}'},
        ("connectors/elasticsearch/test_reindex.py::test_a_copy_keeps_content_and_versions",),
    ),
    Mutation(
        "the version below which nothing new can come into an index",
        ("2.2",),
        WRITING,
        {"for op in chunk if op.version < delivery.min_version}": "for op in chunk if False}"},
        (f"{TOMBSTONE_TESTS}::test_a_write_that_is_older_than_everything_in_the_destination_brings_nothing_back",),
    ),
    Mutation(
        "the oldest version that a copy has from its original",
        ("2.2",),
        SEARCH_WORDS,
        {'first_version=index.meta.get("first_version")': "first_version=None"},
        (
            "pipelines/store_search/index/test_publishing.py"
            "::test_what_was_read_before_a_copy_was_made_is_still_written_into_it",
        ),
    ),
    Mutation(
        "the version of a new index from before its batch's first reading",
        ("2.5",),
        "sync_pipeline/pipelines/store_search/index/build.py",
        {'"made_version": self.first_version': '"made_version": self.part.ledger.next_version()'},
        ("pipelines/store_search/index/test_made_late.py::test_edit_drained_before_the_index_is_made_is_in_it",),
    ),
    Mutation(
        "telling a version conflict from a write",
        ("2.3",),
        BULK,
        {"            return Outcome.STALE\n": "            return Outcome.WRITTEN\n"},
        ("connectors/elasticsearch/test_bulk_faults.py::test_conflicts_are_stale_and_missing_deletes_are_deleted",),
    ),
    Mutation(
        "counting what a tombstone kept away as stale",
        ("2.3",),
        WRITING,
        {"results.append(Outcome.STALE)": "results.append(result)"},
        (f"{TOMBSTONE_TESTS}::test_a_write_that_is_older_than_a_delete_is_stale_and_a_newer_one_is_applied",),
    ),
    Mutation(
        "the sequence that versions come from (a clock instead)",
        ("2.4",),
        LEDGER,
        {
            "return session.scalar(RECORD_VERSION.next_value()) or 0": (
                "return int(self.clock.now().timestamp() * 1000) or 0"
            )
        },
        ("batches/test_ledger.py::test_versions_only_grow_also_when_drawn_at_once",),
    ),
    Mutation(
        "a version of its own for each attempt to read",
        ("2.4",),
        REQUEST,
        {"self.version = await self.next_version()": "self.version = self.version or await self.next_version()"},
        (
            "connectors/bigcommerce/test_client.py"
            "::test_each_attempt_draws_its_own_version_after_all_waiting_and_before_it_is_sent",
        ),
    ),
    Mutation(
        "drawing a version before the request (after its answer instead)",
        ("2.4",),
        PRODUCTS,
        {"return RecordPage(request.version,": "return RecordPage(await self._next_version(),"},
        ("connectors/bigcommerce/test_products.py::test_each_page_has_a_version_drawn_before_its_request",),
    ),
    Mutation(
        "29 of the 30 days that tombstones are kept",
        ("2.6",),
        TOMBSTONES,
        {"KEPT = timedelta(days=30)": "KEPT = timedelta(days=1)"},
        (f"{TOMBSTONE_TESTS}::test_tombstones_are_kept_for_thirty_days",),
    ),
    Mutation(
        "keeping tombstones at all",
        ("2.6",),
        TOMBSTONES,
        {"self.ledger.clock.now() - KEPT": "self.ledger.clock.now()"},
        (f"{TOMBSTONE_TESTS}::test_tombstones_are_kept_for_thirty_days",),
    ),
    Mutation(
        "laying a tombstone for what is gone",
        ("2.6", "2.7"),
        TOMBSTONES,
        {"            if gone:\n": "            if False:\n"},
        (f"{TOMBSTONE_TESTS}::test_a_write_that_is_older_than_a_delete_is_stale_and_a_newer_one_is_applied",),
    ),
    Mutation(
        "the look at the tombstones before a write",
        ("2.7",),
        WRITING,
        {"await asyncio.to_thread(delivery.record_tombstones, chunk)": "{}"},
        (f"{TOMBSTONE_TESTS}::test_a_write_that_is_older_than_a_delete_is_stale_and_a_newer_one_is_applied",),
    ),
    Mutation(
        "the look at the tombstones after a write",
        ("2.7",),
        WRITING,
        {"late = await asyncio.to_thread(delivery.record_tombstones, alive) if alive else {}": "late = {}"},
        (f"{TOMBSTONE_TESTS}::test_a_delete_that_comes_while_an_older_write_is_under_way_wins",),
    ),
    Mutation(
        "writing what a tombstone outdates as the delete that it missed",
        ("2.7",),
        WRITING,
        {"return Operation(operation.key, gone_at[": "return operation or Operation(operation.key, gone_at["},
        (
            f"{TOMBSTONE_TESTS}::test_a_late_write_does_not_only_stay_away_but_takes_what_an_older_one_left",
            f"{TOMBSTONE_TESTS}::test_a_write_that_is_older_than_a_delete_is_stale_and_a_newer_one_is_applied",
        ),
    ),
    Mutation(
        "finding the deletes that others made while an index was built",
        ("2.8",),
        TOMBSTONES,
        {
            "return [Operation(key, version, Action.DELETE, absent=True) for key, version in session.execute(query)]": (
                "return []"
            )
        },
        (f"{TOMBSTONE_TESTS}::test_a_build_gets_the_deletes_that_others_made_since_it_began",),
    ),
    Mutation(
        "applying deletes again before the swap",
        ("2.8",),
        BUILDS,
        {"        deleted = await self._delete_again(kind, name)\n": "        deleted = 0\n"},
        (
            "pipelines/store_search/index/test_publishing.py"
            "::test_what_is_found_gone_during_a_build_is_not_in_the_index_when_it_is_swapped_in",
        ),
    ),
    Mutation(
        "applying deletes again after the swap",
        ("2.8",),
        BUILDS,
        {"        late = await self._delete_again(kind, name)\n": "        late = 0\n"},
        (f"{BURIED}::test_a_full_batch_does_not_bring_back_what_is_deleted_before_any_of_its_steps",),
    ),
    Mutation(
        "reading again what shows a brand or category that changed",
        ("2.9",),
        MODES,
        {"for key in affected if not done": "for key in () if not done"},
        (f"{MODE_TESTS}::test_products_follow_their_brand_and_their_category_although_nobody_dated_them",),
    ),
    Mutation(
        "looking at everything again when the store's currency or address changed",
        ("2.9",),
        MODES,
        {"if known.get(written) != await source.store_facts():": "if False:"},
        (f"{STORE_TESTS}::test_an_incremental_batch_makes_good_a_lost_event",),
    ),
    Mutation(
        "remembering with which currency and address a drain wrote",
        ("2.9",),
        "sync_pipeline/pipelines/store_search/events/apply.py",
        {"remember, ledger, scope, {written_by(EVENTS): facts}": "remember, ledger, scope, {}"},
        (f"{STORE_TESTS}::test_a_document_that_a_drain_wrote_with_facts_since_taken_back_is_found",),
    ),
    Mutation(
        "a look at the store after a batch that was at work when it changed",
        ("2.9",),
        "sync_pipeline/pipelines/store_search/source/store_settings.py",
        {"return Mode.INCREMENTAL if told or differs else None": "return None"},
        (f"{STORE_TESTS}::test_what_a_batch_at_work_has_read_is_looked_at_after_it",),
    ),
    Mutation(
        "reading what an index lacks",
        ("2.9",),
        MODES,
        {"for key in lacking if not done": "for key in () if not done"},
        (f"{MODE_TESTS}::test_what_the_index_lacks_is_found_although_nobody_dated_it",),
    ),
    Mutation(
        "deleting the products that the listing of ids lacks",
        ("2.9",),
        MODES,
        {"                elif key not in hidden:\n": "                elif False:\n"},
        (f"{MODE_TESTS}::test_only_what_changed_is_written",),
    ),
    Mutation(
        "deleting the document of a record that is filtered now",
        ("2.9",),
        COMPARE,
        {"        if isinstance(item, Filtered):\n": "        if False:\n"},
        (f"{MODE_TESTS}::test_only_what_changed_is_written",),
    ),
    Mutation(
        "knowing which keys of a delivery are changing",
        ("2.2", "2.9"),
        COMPARE,
        {"        self._changing.put(hashed, 1)\n": ""},
        ("delivery/test_twice_given.py::test_newest_reading_of_a_record_that_comes_twice_stays",),
    ),
    Mutation(
        "looking again at a record that a listing gave twice",
        ("2.2",),
        "sync_pipeline/delivery/verify.py",
        {"suspects.append(item.key)\n                        continue": "continue"},
        ("delivery/test_twice_given.py::test_verify_and_repair_go_by_the_newest_reading",),
    ),
    Mutation(
        "writing what events tell of into the live index last",
        ("2.8",),
        "sync_pipeline/pipelines/store_search/index/live_index.py",
        {"return [*made, *live]": "return [*live, *made]"},
        (
            "pipelines/store_search/events/test_drain.py::test_searches_see_nothing_older_after_a_swap_beside_a_killed_drain",
        ),
    ),
    Mutation(
        "fetching the current record of an event (of another instead)",
        ("2.5",),
        "sync_pipeline/pipelines/store_search/events/apply.py",
        {"self.facts.source.named_products(sorted(keys))": "tools.facts.source.named_products(())"},
        ("pipelines/store_search/events/test_drain.py::test_what_an_event_tells_of_is_fetched_as_it_is_now",),
    ),
    Mutation(
        "taking over what others wrote into the old index during a build",
        ("2.8",),
        "sync_pipeline/delivery/catch_up.py",
        {"return (await delivery.run(pages())).outcomes[Outcome.WRITTEN]": "return 0"},
        ("pipelines/store_search/events/test_drain.py::test_what_a_drain_wrote_only_into_the_old_index_is_taken_over",),
    ),
    Mutation(
        "taking back what a drain learnt of categories while a selective batch read",
        ("2.9",),
        "sync_pipeline/pipelines/store_search/source/concurrent_changes.py",
        {"seen if whole else _taken_back(now, seen, known)": "seen if whole else now"},
        (
            "properties/test_facts_meanwhile.py"
            "::test_what_a_drain_learnt_while_a_batch_read_is_not_undone_for_good[selective]",
        ),
    ),
    Mutation(
        "looking again after a batch that ended beside a drain",
        ("2.9",),
        "sync_pipeline/pipelines/store_search/source/reference_data.py",
        {"if self._beside - await": "if set() and await"},
        ("properties/test_facts_meanwhile.py::test_what_a_batch_wrote_over_a_drain_that_is_still_at_work_is_noticed",),
    ),
    Mutation(
        "raising the versions of a ledger that went back in time",
        ("2.10",),
        "sync_pipeline/delivery/versions.py",
        {"raised = await asyncio.to_thread(raise_versions, ledger, highest)": "raised = False"},
        (
            "pipelines/store_search/index/test_restored_ledger.py::test_restored_ledger_is_right_at_once[by_incremental]",
        ),
    ),
    Mutation(
        "never lowering the versions that are raised",
        ("2.10",),
        "sync_pipeline/batches/versions.py",
        {"\nWHERE last_value + is_called::int <= :highest\n": "\n", "> :highest FROM": "< 0 FROM"},
        ("batches/test_versions.py::test_versions_are_raised_above_a_higher_one_and_never_lowered",),
    ),
    Mutation(
        "forgetting what a ledger that went back in time remembers of the store",
        ("2.10",),
        OWNERSHIP,
        {", when_gone_back=lambda: forget(ledger, [written_by(part) for part in IMPORTS])": ""},
        (
            "pipelines/store_search/index/test_restored_ledger.py"
            "::test_name_that_was_changed_and_changed_back_since_the_backup_is_found",
        ),
    ),
    Mutation(
        "telling an index of this run from one of a batch with the same number",
        ("2.10",),
        BUILDS,
        {
            'index.meta.get("run") == self.part.batch.dagster_run_id': (
                '[index.meta.get(one) for one in ("batch_id", "attempt")] == [self.part.batch.id, 1]'
            )
        },
        (
            "pipelines/store_search/index/test_restored_ledger.py"
            "::test_half_built_index_of_a_batch_with_the_same_number_is_not_gone_on_with",
        ),
    ),
    Mutation(
        "refusing to work on another ledger's indices",
        ("2.11",),
        OWNERSHIP,
        {"        check_own(store_hash, indices, identity)\n": "        pass\n"},
        (f"{OWNERSHIP_TESTS}::test_new_ledger_beside_old_indices_is_refused_until_it_takes_them_over",),
    ),
    Mutation(
        "looking again whose the index is that a build replaces",
        ("2.11",),
        BUILDS,
        {"        await self._check_own()\n        await self.fence()\n": "        await self.fence()\n"},
        (f"{OWNERSHIP_TESTS}::test_build_that_another_ledger_overtakes_is_not_published",),
    ),
    Mutation(
        "copying only from indices that this ledger made",
        ("2.11",),
        BUILDS,
        {"return [name for name in names if name in own]": "return list(names)"},
        (f"{OWNERSHIP_TESTS}::test_what_a_person_put_behind_an_alias_is_replaced_and_nothing_of_it_copied",),
    ),
)
