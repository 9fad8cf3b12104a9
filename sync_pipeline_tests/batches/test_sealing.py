"""What lies in the ledger of a secret: how it is encrypted, and that nothing of it lies there in the plain."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sync_pipeline.batches.base import Base
from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.sealing import rotate_keys
from sync_pipeline.batches.secrets import Keyring, SecretKeysError, new_key_entry, parse_keys
from sync_pipeline.pipelines.store_search.stores.stores import SEALED, SECRET_FIELDS, Stores

PLAIN = dict(zip(SECRET_FIELDS, ("first-secret", "second-secret", "third-secret"), strict=True))


def everything(ledger: Ledger) -> str:
    """Every row of every table."""
    with ledger.engine.connect() as connection:
        return str([connection.execute(table.select()).all() for table in Base.metadata.sorted_tables])


@pytest.mark.invariant("7.1", "7.2")
def test_a_sealed_secret_is_a_key_id_and_what_any_aes_256_gcm_opens():
    ring = parse_keys(new_key_entry("k7"))
    key_id, _, encoded = ring.seal("the secret", belongs_to="store/abc/token").partition(":")
    raw = base64.b64decode(encoded, validate=True)
    assert key_id == "k7"
    assert len(ring.keys["k7"]) * 8 == 256
    assert len(raw) == 12 + len("the secret") + 16, "a nonce of 96 bits, the text, and a tag of 128 bits"
    assert AESGCM(ring.keys["k7"]).decrypt(raw[:12], raw[12:], b"store/abc/token") == b"the secret"


@pytest.mark.invariant("7.5")
def test_the_representation_of_a_keyring_shows_no_key():
    ring = parse_keys(new_key_entry("k7"))
    assert repr(ring.keys["k7"]) not in repr(ring) + str(ring)


@pytest.mark.invariant("7.1")
@pytest.mark.parametrize("size", [16, 24, 31, 33])
def test_a_key_of_another_size_is_refused(size: int):
    with pytest.raises(SecretKeysError, match=f"the key has {size} bytes, 32 are needed"):
        parse_keys("k:" + base64.b64encode(bytes(size)).decode())


@pytest.mark.invariant("7.1", "7.2", "7.3", "7.4")
def test_no_row_of_the_ledger_ever_holds_a_plain_secret_and_each_names_its_key(ledger: Ledger):
    old = parse_keys(new_key_entry("old"))
    new = Keyring(current="new", keys={**old.keys, **parse_keys(new_key_entry("new")).keys})
    stores = Stores(ledger, old)
    stores.save("abc", name="Shop", **PLAIN)
    assert everything(ledger).count("old:") == len(PLAIN)
    stores.change_token("abc", "fourth-secret")
    assert stores.secret(stores.get("abc")) == "fourth-secret"
    rotated = Stores(ledger, new)
    rotate_keys(ledger, new, SEALED)
    assert {field: rotated.secret(rotated.get("abc"), field) for field in PLAIN} == {**PLAIN, "token": "fourth-secret"}
    held = everything(ledger)
    assert (held.count("old:"), held.count("new:")) == (0, len(PLAIN))
    for plain in (*PLAIN.values(), "fourth-secret"):
        assert plain not in held
        assert base64.b64encode(plain.encode()).decode() not in held
