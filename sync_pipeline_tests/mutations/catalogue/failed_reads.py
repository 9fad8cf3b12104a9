"""Invariant 4: a failed read is not an empty source."""

from __future__ import annotations

from sync_pipeline_tests.mutations.mutation import Mutation

ANSWERS = "sync_pipeline/connectors/bigcommerce/answers.py"
BUILDS = "sync_pipeline/pipelines/store_search/index/build.py"
CLIENT = "sync_pipeline/connectors/bigcommerce/client.py"
COLLECTION = "sync_pipeline/connectors/bigcommerce/collection.py"
COMPLETENESS = "sync_pipeline/connectors/bigcommerce/completeness.py"
GUARD = "sync_pipeline/delivery/guard.py"
COMPARE = "sync_pipeline/delivery/compare.py"
MODES = "sync_pipeline/pipelines/store_search/imports/changes.py"
READING = "sync_pipeline/connectors/elasticsearch/reading.py"

GUARD_TESTS = "delivery/test_guard.py"
MODE_TESTS = "pipelines/store_search/imports/test_modes.py"
STORES = "pipelines/store_search/imports/test_refusing_stores.py"
SHORT = f"{STORES}::test_a_store_whose_listing_suddenly_returns_3_products_loses_none_of_its_documents"
REFUSING = f"{STORES}::test_a_store_that_refuses_to_be_read_keeps_every_document"

MUTATIONS = (
    Mutation(
        "comparing what a listing of products gave with what it announced",
        ("4.1",),
        COMPLETENESS,
        {"if read < min(announced, recounted):": "if False:"},
        ("connectors/bigcommerce/test_products.py::test_a_list_that_is_wrongly_short_is_never_taken_for_complete",),
    ),
    Mutation(
        "comparing what a collection gave with what it announced",
        ("4.1",),
        COLLECTION,
        {"if read >= announced:": "if True:"},
        (
            "connectors/bigcommerce/test_catalog.py"
            "::test_a_collection_that_stays_short_of_what_it_announces_is_an_error",
        ),
    ),
    Mutation(
        "the total that a listing of products must tell",
        ("4.1",),
        ANSWERS,
        {"        if self.pagination.total is None:\n": "        if False:\n"},
        ("connectors/bigcommerce/test_products.py::test_a_listing_that_does_not_tell_its_total_is_an_error",),
    ),
    Mutation(
        "the error for an answer that cannot be read (no records instead)",
        ("4.1",),
        CLIENT,
        {
            'raise AttemptError(f"{request.name} answered {kind}{quote}", becomes=BadAnswerError) from error': (
                """return request.decode(b'{"data":[],"meta":{"pagination":{"total":0}}}')"""
            )
        },
        ("connectors/bigcommerce/test_client.py::test_what_may_pass_is_tried_again_and_what_cannot_is_final",),
    ),
    Mutation(
        "the error for a product that is listed, but was not given by its id",
        ("4.1",),
        MODES,
        {"if wrongly := sorted(key for key in not_given if": "if wrongly := sorted(key for key in () if"},
        (f"{STORES}::test_products_that_are_listed_but_not_given_by_their_ids_are_an_error_and_stay",),
    ),
    Mutation(
        "the bound for what people delete while a listing is read",
        ("4.2",),
        COMPLETENESS,
        {"elif not is_plausible_loss(announced=announced, recounted=recounted):": "elif False:"},
        (
            "connectors/bigcommerce/test_products.py::test_a_loss_of_a_large_part_while_reading_is_not_believed",
            f"{STORES}::test_a_listing_that_shrinks_while_it_is_read_is_not_believed",
        ),
    ),
    Mutation(
        "the guard's share",
        ("4.3",),
        GUARD,
        {"share: float = 0.15": "share: float = 0.16"},
        (f"{GUARD_TESTS}::test_one_more_than_that_stops_and_says_how_to_go_on",),
    ),
    Mutation(
        "the guard's number",
        ("4.3",),
        GUARD,
        {"records: int = 20": "records: int = 21"},
        (f"{GUARD_TESTS}::test_one_more_than_that_stops_and_says_how_to_go_on",),
    ),
    Mutation(
        "the guard before a full batch publishes",
        ("4.3",),
        BUILDS,
        {"            deletes=before - found,\n": "            deletes=0,\n"},
        (SHORT,),
    ),
    Mutation(
        "the guard before an incremental batch deletes",
        ("4.3",),
        COMPARE,
        {"        self.check(len(filtered) + len(keys), held=held)\n": ""},
        (SHORT,),
    ),
    Mutation(
        "the guard before a selective batch deletes",
        ("4.3",),
        COMPARE,
        {"            self.check(len(held), held=": "            (lambda *_, **__: None)(len(held), held="},
        (f"{STORES}::test_naming_many_products_that_the_store_suddenly_lacks_deletes_none_until_it_is_confirmed",),
    ),
    Mutation(
        "counting records that became hidden among the deletes of an incremental batch",
        ("4.3",),
        MODES,
        {"        return _without_deletes(items, hidden)\n": "        return items\n"},
        (f"{MODE_TESTS}::test_many_hidden_products_wait_for_a_person",),
    ),
    Mutation(
        "letting pass what was confirmed",
        ("4.4",),
        GUARD,
        {"if confirmed or deletes": "if deletes"},
        (f"{GUARD_TESTS}::test_what_a_person_confirmed_may_go", SHORT),
    ),
    Mutation(
        "asking for the confirmation of a full batch",
        ("4.4",),
        BUILDS,
        {"confirmed=self.part.batch.confirm_deletes": "confirmed=True"},
        (SHORT,),
    ),
    Mutation(
        "asking for the confirmation of an incremental batch",
        ("4.4",),
        COMPARE,
        {"confirmed=self.confirmed": "confirmed=True"},
        (SHORT,),
    ),
    Mutation(
        "the error for an answer other than 2xx (no records instead)",
        ("4.5",),
        CLIENT,
        {
            "        if not response.is_success:\n": (
                "        if not response.is_success:\n"
                """            return b'{"data":[],"meta":{"pagination":{"total":0}},"time":0}'\n"""
            )
        },
        (REFUSING,),
    ),
    Mutation(
        "telling a store's 401 from other refusals",
        ("4.5",),
        ANSWERS,
        {"    if status == 401:\n": "    if False:\n"},
        ("connectors/bigcommerce/test_client.py::test_what_may_pass_is_tried_again_and_what_cannot_is_final",),
    ),
    Mutation(
        "telling a store's 403 from other refusals",
        ("4.5",),
        ANSWERS,
        {"    if status == 403:\n": "    if False:\n"},
        ("connectors/bigcommerce/test_faults.py::test_a_missing_scope_is_named",),
    ),
    Mutation(
        "the error when a part of an index does not answer",
        ("4.6",),
        READING,
        {'if answer["_shards"]["failed"]:': "if False:"},
        ("connectors/elasticsearch/test_reading.py::test_a_partial_answer_fails_the_scan_and_gives_its_snapshot_back",),
    ),
    Mutation(
        "the error when a document's shard is not available",
        ("4.6",),
        READING,
        {"            check_shards(answer.body, doing)\n            for document": "            for document"},
        ("connectors/elasticsearch/test_shards.py::test_shard_that_stays_unavailable_is_a_passing_state",),
    ),
    Mutation(
        "the error when no shard has done a refresh",
        ("4.6",),
        "sync_pipeline/connectors/elasticsearch/shards.py",
        {'return bool(shards.get("total")) and shards.get("successful") == 0': "return False"},
        ("connectors/elasticsearch/test_shards.py::test_shard_that_stays_unavailable_is_a_passing_state",),
    ),
    Mutation(
        "asking for whole answers of an index",
        ("4.6",),
        READING,
        {"keep_alive=_KEEP_ALIVE, allow_partial_search_results=False": "keep_alive=_KEEP_ALIVE"},
        ("connectors/elasticsearch/test_reading.py::test_a_partial_answer_fails_the_scan_and_gives_its_snapshot_back",),
    ),
    Mutation(
        "the error for a key that cannot be read",
        ("4.6",),
        READING,
        {'            if "error" in document:\n': '            if "error" in document:\n                continue\n'},
        ("connectors/elasticsearch/test_reading.py::test_a_key_that_cannot_be_read_is_not_absent",),
    ),
)
