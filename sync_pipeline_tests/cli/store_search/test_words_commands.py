"""`stop-words` and `synonyms`: list, add, remove and import, with warnings and refusals of one line each."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.secrets import new_key_entry, parse_keys
from sync_pipeline.cli.store_search.words import MAX_FILE_BYTES, read_entries
from sync_pipeline.errors import UsageError
from sync_pipeline.pipelines.store_search.stores.stores import Stores
from sync_pipeline.pipelines.store_search.words.rules import Entry
from sync_pipeline_tests.commands import Commands


@pytest.fixture
def stores(clean_database: Engine) -> Stores:
    """The ledger's stores, with a store `shop`; these commands need nothing of it but its row."""
    made = Stores(Ledger(clean_database), parse_keys(new_key_entry("test")))
    made.save("shop", name="Shop", token="t", language="en")
    return made


def test_rules_are_listed_added_and_removed(commands: Commands, stores: Stores):
    added = commands("synonyms", "add", "--store", "shop", "Phone,mobile", "phone, Mobile", "tv => television")
    assert (added.status, added.error) == (0, "")
    assert "2 synonym rules added; `sync-pipeline sync run --store shop --type synonyms`" in added.out
    assert commands("synonyms", "list", "--store", "shop").out.splitlines() == ["phone, mobile", "tv => television"]
    removed = commands("synonyms", "remove", "--store", "shop", "PHONE, mobile", "absent, rule", "--json")
    assert removed.json() == {"changed": 1}
    assert commands("synonyms", "remove", "--store", "shop", "phone, mobile").out == "nothing to change\n"
    refused = commands("synonyms", "add", "--store", "shop", "a2, b2", "the => telly")
    assert "a side of stop words only (the)" in refused.failed_in_one_line(2)
    assert stores.synonym_rules("shop") == ["tv => television"]


def test_stop_words_are_listed_with_those_of_the_language(commands: Commands, stores: Stores):
    stores.add_stop_words("shop", ["please"])
    assert commands("stop-words", "list", "--store", "shop", "--json").json() == ["please"]
    every = commands("stop-words", "list", "--store", "shop", "--all", "--json").json()
    assert {"please", "the"} < set(every)
    assert "store nope is unknown" in commands("stop-words", "list", "--all", "--store", "nope").failed_in_one_line(2)


def test_what_is_odd_but_usable_is_taken_with_warnings_and_many_of_them_are_counted(commands: Commands, stores: Stores):
    rules = [f"the phone {number}, mobile" for number in range(500)]
    (commands.folder / "rules.txt").write_text("".join(f"{rule}\n" for rule in [*rules, "telly => television"]))
    imported = commands("synonyms", "import", "--store", "shop", "rules.txt", "--json")
    assert (imported.status, imported.json()) == (0, {"changed": 501})
    *warnings, last = imported.error.splitlines()
    assert warnings[9] == (
        "warning: line 10 of rules.txt: the synonym rule 'the phone 9, mobile' has stop words inside (the): "
        "matched, but not searched for"
    )
    assert (len(warnings), last) == (10, "warning: 490 more like these")
    spoilt = commands("stop-words", "add", "--store", "shop", "telly")
    assert (spoilt.status, stores.stop_words("shop")) == (0, ["telly"])
    assert spoilt.error.startswith("warning: the synonym rule 'telly => television' now has a side of stop words only")


@pytest.mark.parametrize(
    ("verb", "text", "refusal"),
    [
        (
            "synonyms",
            "# ours\n\nphone, mobile\nalone\nthe => telly\n=>\n",
            "error: line 4 of words.txt: the synonym rule 'alone' needs two terms, as in: phone, mobile "
            "(3 malformed in all; nothing was changed)",
        ),
        (
            "stop-words",
            "please\nthank you\n",
            "error: line 2 of words.txt: a stop word is one word without spaces, not 'thank you' "
            "(1 malformed in all; nothing was changed)",
        ),
        (
            "synonyms",
            "".join(f"left{number}, right\n" for number in range(100_000)),
            "error: store shop would have 100000 synonym rules, 10000 is the most: nothing was changed",
        ),
    ],
)
def test_a_file_with_anything_malformed_changes_nothing(
    commands: Commands, stores: Stores, verb: str, text: str, refusal: str
):
    (commands.folder / "words.txt").write_text(text)
    assert commands(verb, "import", "--store", "shop", "words.txt").failed_in_one_line(2) == refusal
    assert (stores.synonym_rules("shop"), stores.stop_words("shop")) == ([], [])


def test_two_additions_at_once_both_count(commands: Commands, stores: Stores):
    running = [
        commands.start("synonyms", "add", "--store", "shop", "shared, both", f"only{number}, other")
        for number in range(2)
    ]
    outputs = [process.communicate(timeout=60)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], outputs
    assert stores.synonym_rules("shop") == ["only0, other", "only1, other", "shared, both"]


def test_files_of_every_make_are_read_and_comments_left_out(tmp_path: Path):
    path = tmp_path / "rules.txt"
    path.write_bytes("\ufeffphone, mobile\r\n\r\n # ours\r\nc#, csharp # the language\r\nc\\,d => seedee".encode())
    assert read_entries(path) == [
        Entry("phone, mobile", "line 1 of rules.txt"),
        Entry("c#, csharp", "line 4 of rules.txt"),
        Entry("c\\,d => seedee", "line 5 of rules.txt"),
    ]
    path.write_text("\n# nothing\n")
    assert read_entries(path) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"stra\xdfe\n", "is not UTF-8 text"), (b"x" * (MAX_FILE_BYTES + 1), "is larger than 20 MB")],
)
def test_a_file_that_is_no_list_is_refused(tmp_path: Path, content: bytes, reason: str):
    (tmp_path / "words.txt").write_bytes(content)
    with pytest.raises(UsageError, match=reason):
        read_entries(tmp_path / "words.txt")
    with pytest.raises(UsageError, match="cannot be read"):
        read_entries(tmp_path)
