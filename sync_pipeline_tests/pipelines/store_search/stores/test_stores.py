"""Stores: sealed tokens in the row, key rotation, stop words and synonym rules."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.sealing import rotate_keys
from sync_pipeline.batches.secrets import Keyring, new_key_entry, parse_keys
from sync_pipeline.errors import UsageError
from sync_pipeline.pipelines.store_search.stores.stores import SEALED, Stores, UnknownStoreError


@pytest.fixture
def keyring() -> Keyring:
    return parse_keys(new_key_entry("k1"))


@pytest.fixture
def stores(ledger: Ledger, keyring: Keyring) -> Stores:
    return Stores(ledger, keyring)


@pytest.mark.invariant("7.1", "7.4")
def test_a_store_keeps_its_secrets_sealed(stores: Stores):
    stores.save("abc", name="Shop", token="plain-token", webhook_secret="plain-hook")
    with stores.ledger.engine.connect() as connection:
        row = connection.execute(text("SELECT * FROM sync_pipeline.stores")).one()
    assert "plain" not in str(row)
    store = stores.get("abc")
    assert stores.secret(store) == "plain-token"
    assert stores.secret(store, "webhook_secret") == "plain-hook"
    assert stores.secret(store, "client_secret") is None


@pytest.mark.invariant("7.3")
def test_rotation_seals_everything_again_with_the_new_key(ledger: Ledger, keyring: Keyring):
    Stores(ledger, keyring).save("a", name="A", token="ta", client_secret="ca")
    entry = new_key_entry("k2")
    rotated = Stores(ledger, Keyring(current="k2", keys={**parse_keys(entry).keys, **keyring.keys}))
    assert rotate_keys(ledger, rotated.keyring, SEALED) == 2
    assert rotate_keys(ledger, rotated.keyring, SEALED) == 0
    only_new = Stores(ledger, parse_keys(entry))
    assert only_new.secret(only_new.get("a")) == "ta"


def test_unknown_and_double_stores_are_refused(stores: Stores):
    stores.save("abc", name="Shop", token="t")
    with pytest.raises(UsageError, match="already there"):
        stores.save("abc", name="Shop", token="t")
    for action in (stores.get, stores.remove, stores.stop_words, stores.synonym_rules):
        with pytest.raises(UnknownStoreError, match="store nope is unknown"):
            action("nope")


@pytest.mark.parametrize("wrong", ["", "UPPER", "a/b", "a" * 65, "-a", "a b", "../x", "a*"])
def test_a_hash_that_could_not_be_part_of_a_name_is_refused(stores: Stores, wrong: str):
    with pytest.raises(UsageError, match="is no store hash"):
        stores.save(wrong, name="Shop", token="t")


def test_words_and_rules_are_kept_by_store_and_go_with_it(stores: Stores):
    for store_hash in ("a", "b"):
        stores.save(store_hash, name="Shop", token="t")
    assert stores.add_stop_words("a", ["the", "the", "und"]) == 2
    assert stores.add_stop_words("a", ["und"]) == 0
    assert stores.add_synonym_rules("a", ["phone, mobile", "tv => television"]) == 2
    assert stores.stop_words("a") == ["the", "und"]
    assert stores.synonym_rules("a") == ["phone, mobile", "tv => television"]
    assert stores.stop_words("b") == []
    assert stores.remove_stop_words("a", ["the", "absent"]) == 1
    assert stores.remove_synonym_rules("a", ["phone, mobile"]) == 1
    stores.remove("a")
    stores.save("a", name="Shop", token="t")
    assert (stores.stop_words("a"), stores.synonym_rules("a")) == ([], [])


def test_a_store_without_a_webhook_secret_gets_one_however_many_ask_at_once(stores: Stores):
    stores.save("abc", name="Shop", token="t")
    stores.save("own", name="Own", token="t", webhook_secret="chosen")
    with ThreadPoolExecutor(8) as pool:
        [secret] = set(pool.map(lambda _: stores.webhook_secret("abc"), range(8)))
    assert len(secret) >= 40
    assert secret not in (stores.get("abc").webhook_secret or "")
    assert stores.secret(stores.get("abc"), "webhook_secret") == secret
    assert stores.webhook_secret("own") == "chosen"
    with pytest.raises(UnknownStoreError):
        stores.webhook_secret("nope")


def test_where_a_stores_events_go_is_kept_and_forgotten(stores: Stores):
    stores.save("abc", name="Shop", token="t")
    stores.set_webhook_url("abc", "https://hooks.example.com")
    assert stores.get("abc").webhook_url == "https://hooks.example.com"
    stores.set_webhook_url("abc", None)
    assert stores.get("abc").webhook_url is None
