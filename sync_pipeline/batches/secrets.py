"""Secrets at rest: AES-256-GCM with a key id, so that keys can rotate.

A sealed secret is text, `key-id:base64(nonce + ciphertext)`. What it belongs to (store and field) is authenticated with
it, so that a sealed value moved to another row does not open. Source: NIST SP 800-38D (96-bit random nonces).
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import secrets as random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sync_pipeline.errors import UsageError
from sync_pipeline.private_files import make_private

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KEY_BYTES = 32
NONCE_BYTES = 12
_KEY_ID = re.compile(r"[A-Za-z0-9_.-]{1,32}")


class SecretKeysError(UsageError):
    """SYNC_PIPELINE_SECRET_KEYS is malformed, or lacks the key that a stored secret was sealed with."""

    kind = "secret_keys"


@dataclass(frozen=True, repr=False)
class Keyring:
    """The keys by id; ``current`` seals, all open."""

    current: str
    keys: Mapping[str, bytes]

    def seal(self, plain: str, *, belongs_to: str) -> str:
        """Seals ``plain`` with the current key, bound to ``belongs_to`` (such as `store/abc/token`)."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = AESGCM(self.keys[self.current]).encrypt(nonce, plain.encode(), belongs_to.encode())
        return f"{self.current}:{base64.b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, *, belongs_to: str) -> str:
        """Returns the plain secret. Raises SecretKeysError when no key, or not the right one, is at hand."""
        key_id, colon, encoded = sealed.partition(":")
        if not colon:
            raise SecretKeysError(f"the secret of {belongs_to} was not sealed by this project: enter it again")
        key = self.keys.get(key_id)
        if key is None:
            raise SecretKeysError(
                f"the secret of {belongs_to} needs key {key_id!r}: add it to SYNC_PIPELINE_SECRET_KEYS"
            )
        try:
            raw = base64.b64decode(encoded, validate=True)
            return AESGCM(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], belongs_to.encode()).decode()
        except (InvalidTag, binascii.Error, ValueError):
            raise SecretKeysError(
                f"the secret of {belongs_to} does not open with key {key_id!r}: restore that key's value, "
                "or enter the secret again (`sync-pipeline stores reenter-token`)"
            ) from None

    def is_current(self, sealed: str) -> bool:
        """Returns whether ``sealed`` was made with the key that seals today."""
        return sealed.partition(":")[0] == self.current


def parse_keys(value: str) -> Keyring:
    """Returns the keyring of `id:base64key,…`. Raises SecretKeysError naming the entry's position, never its text."""
    keys: dict[str, bytes] = {}
    for position, entry in enumerate(value.split(","), start=1):
        key_id, _, encoded = entry.strip().partition(":")
        where = f"SYNC_PIPELINE_SECRET_KEYS, entry {position}:"
        if not _KEY_ID.fullmatch(key_id):
            raise SecretKeysError(f"{where} the id must be 1 to 32 letters, digits, `_`, `.` or `-`")
        try:
            key = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise SecretKeysError(f"{where} the key is not base64") from None
        if len(key) != KEY_BYTES:
            raise SecretKeysError(f"{where} the key has {len(key)} bytes, {KEY_BYTES} are needed")
        if key_id in keys:
            raise SecretKeysError(f"{where} the id {key_id!r} is given twice")
        keys[key_id] = key
    return Keyring(current=next(iter(keys)), keys=keys)


def new_key_entry(key_id: str) -> str:
    """Returns a fresh `id:base64key` entry."""
    return f"{key_id}:{base64.b64encode(random.token_bytes(KEY_BYTES)).decode()}"


def development_keys(state_dir: Path) -> Keyring:
    """Returns the keyring kept in the state directory, made on first use.

    For development only: it lies beside the data.
    """
    path = state_dir / "secret-keys"
    try:
        make_private(state_dir)
        if not path.exists():
            # Written aside and linked, so that two first commands at once agree on one key.
            draft = path.with_name(f"{path.name}.{os.getpid()}.{random.token_hex(4)}")
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(new_key_entry("dev"))
            try:
                os.link(draft, path)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return parse_keys(path.read_text(encoding="ascii"))
    except OSError as error:
        raise UsageError(f"the state directory {state_dir} cannot be used: {error.strerror}") from None
