"""Who a ledger is. What it makes elsewhere carries its identity, so that two ledgers tell their own things apart.

A ledger that is restored from its own backup has the same identity; one that is made anew has another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from sync_pipeline.batches.database import LedgerUnavailableError
from sync_pipeline.batches.models import LedgerIdentity

if TYPE_CHECKING:
    from sync_pipeline.batches.ledger import Ledger


@dataclass(frozen=True)
class Identity:
    """A ledger's identity; ``owns_unmarked``: what was made before there were marks is this ledger's, too."""

    id: str
    owns_unmarked: bool = False


def identity_of(ledger: Ledger) -> Identity:
    """Returns the identity. Raises LedgerUnavailableError when somebody has deleted it."""
    with ledger.session() as session:
        row = session.scalar(select(LedgerIdentity))
    if row is None:
        raise LedgerUnavailableError(
            "the ledger's table ledger_identity is empty: restore its row from a backup of this ledger"
        )
    return Identity(row.id, row.owns_unmarked)
