"""Invariant 5: search is never down and never half built."""

from __future__ import annotations

from sync_pipeline_tests.mutations.mutation import Mutation

BUILDS = "sync_pipeline/pipelines/store_search/index/build.py"
IMPORTS = "sync_pipeline/pipelines/store_search/imports/run.py"
INDICES = "sync_pipeline/connectors/elasticsearch/indices.py"
REINDEX = "sync_pipeline/connectors/elasticsearch/reindex.py"
SEARCH_WORDS = "sync_pipeline/pipelines/store_search/words/apply.py"

INDEX_TESTS = "connectors/elasticsearch/test_indices.py"
PUBLISHING = "pipelines/store_search/index/test_publishing.py"
REBUILD = f"{PUBLISHING}::test_searches_during_a_rebuild_see_the_old_index_or_the_new_one_and_nothing_else"
REINDEX_TESTS = "connectors/elasticsearch/test_reindex.py"

MUTATIONS = (
    Mutation(
        "a new index for each full batch (the served one is filled)",
        ("5.1",),
        BUILDS,
        {
            "if index.kind == kind.word and not index.aliases and self._is_mine(index):": (
                "if index.kind == kind.word and (index.aliases or self._is_mine(index)):"
            )
        },
        (REBUILD,),
    ),
    Mutation(
        "keeping the served index while another is built",
        ("5.1",),
        "sync_pipeline/pipelines/store_search/index/ownership.py",
        {"        if not index.aliases\n        and (": "        if ("},
        (REBUILD,),
    ),
    Mutation(
        "filling an index before it is published",
        ("5.1",),
        BUILDS,
        {
            "            ),\n        )\n        return name\n": (
                "            ),\n        )\n        await self.indices.swap({kind.word: name})\n        return name\n"
            )
        },
        (REBUILD,),
    ),
    Mutation(
        "swapping in one call",
        ("5.2",),
        INDICES,
        {
            "await self.cluster.repeatable.indices.update_aliases(actions=actions)": (
                "[await self.cluster.repeatable.indices.update_aliases(actions=[action]) for action in actions]"
            )
        },
        (f"{INDEX_TESTS}::test_searches_during_swaps_always_see_one_whole_index",),
    ),
    Mutation(
        "taking the replaced index from behind its aliases",
        ("5.2",),
        INDICES,
        {
            'actions += [{"remove": {"index": old, "alias": alias, "must_exist": True}} for old in olds]': (
                "actions += []"
            )
        },
        (f"{INDEX_TESTS}::test_a_swap_moves_both_aliases_and_leaves_other_kinds_alone",),
    ),
    Mutation(
        "refusing a swap when somebody else swapped meanwhile",
        ("5.2",),
        INDICES,
        {', "must_exist": True}}': "}}"},
        (
            "pipelines/store_search/delivery_faults/test_lost_indices.py"
            "::test_an_alias_that_is_moved_in_the_moment_of_the_swap_is_left_alone",
        ),
    ),
    Mutation(
        "comparing an index with what was written into it",
        ("5.3",),
        BUILDS,
        {"if found + deleted != documents or others:": "if False:"},
        (f"{PUBLISHING}::test_an_index_that_lacks_a_document_is_not_published",),
    ),
    Mutation(
        "refreshing an index before it is counted",
        ("5.3",),
        INDICES,
        {
            "put_settings(index=name, settings=settings)\n        await self.refresh(name)\n": (
                "put_settings(index=name, settings=settings)\n"
            )
        },
        (f"{INDEX_TESTS}::test_a_build_is_searched_only_after_it_was_finished",),
    ),
    Mutation(
        "the error when a copy is not whole",
        ("5.3",),
        REINDEX,
        {"if failures or response.get": "if False and response.get"},
        (f"{REINDEX_TESTS}::test_a_copy_that_is_not_whole_is_an_error",),
    ),
    Mutation(
        "the error when the cluster lost a copy's task halfway",
        ("5.3",),
        REINDEX,
        {"if copied < total:": "if False:"},
        (f"{REINDEX_TESTS}::test_a_lost_task_counts_only_if_everything_arrived",),
    ),
    Mutation(
        "publishing only after a delivery that succeeded",
        ("5.4",),
        IMPORTS,
        {
            "    books = await delivery.run(sampled.through(plan.pages))\n": (
                "    try:\n"
                "        books = await delivery.run(sampled.through(plan.pages))\n"
                "    except Exception:\n"
                "        books = delivery.books\n"
            )
        },
        (
            "pipelines/store_search/imports/test_refusing_stores.py"
            "::test_an_import_whose_listing_fails_leaves_its_index_as_it_was_and_the_others_their_results",
        ),
    ),
    Mutation(
        "an index of its own for each attempt",
        ("5.4",),
        BUILDS,
        {
            'index.meta.get("run") == self.part.batch.dagster_run_id': (
                'index.meta.get("batch_id") == self.part.batch.id'
            )
        },
        (f"{PUBLISHING}::test_what_an_attempt_that_ended_left_half_built_is_removed_and_not_gone_on_with",),
    ),
    Mutation(
        "looking whether an index was made on purpose before its swap",
        ("5.5",),
        INDICES,
        {"                made = await was_made(self.cluster.reads, name)\n": "                made = True\n"},
        (f"{INDEX_TESTS}::test_an_index_that_nobody_made_is_never_put_behind_an_alias",),
    ),
)
