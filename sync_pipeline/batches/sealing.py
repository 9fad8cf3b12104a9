"""Encrypted columns of all pipelines, and sealing them again when the keys rotate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sync_pipeline.batches.base import Base
    from sync_pipeline.batches.ledger import Ledger
    from sync_pipeline.batches.secrets import Keyring


@dataclass(frozen=True)
class SealedColumns:
    """The encrypted ``columns`` of a table; ``owner`` tells what a row's secret belongs to (`store/abc/token`)."""

    model: type[Base]
    columns: tuple[str, ...]
    owner: Callable[[Any, str], str]


def rotate_keys(ledger: Ledger, keyring: Keyring, sealed: Sequence[SealedColumns]) -> int:
    """Seals again, with the current key, every secret sealed with an older one; returns how many.

    Raises SecretKeysError, with nothing changed, when the key of one of them is missing.
    """
    changed = 0
    with ledger.session() as session:
        for table in sealed:
            for row in session.scalars(select(table.model).with_for_update()):
                for column in table.columns:
                    secret = getattr(row, column)
                    if secret is not None and not keyring.is_current(secret):
                        owner = table.owner(row, column)
                        setattr(row, column, keyring.seal(keyring.open(secret, belongs_to=owner), belongs_to=owner))
                        changed += 1
    return changed
