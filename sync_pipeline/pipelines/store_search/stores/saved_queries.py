"""The saved queries of the ledger's stores: kept, listed, removed. Running them is the pipeline's affair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from sync_pipeline.errors import UsageError
from sync_pipeline.pipelines.store_search.stores.word_models import SavedQuery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sync_pipeline.pipelines.store_search.stores.stores import Stores


class UnknownSavedQueryError(UsageError):
    """The store has no such saved query."""

    kind = "unknown_saved_query"


@dataclass(frozen=True)
class SavedQueries:
    """The saved queries of one store. Every method raises UnknownStoreError when the ledger does not have it."""

    stores: Stores
    store_hash: str

    def add(self, query: str, *, expected: Sequence[str], top: int) -> None:
        """Keeps a query with the document ids that should be among its first ``top`` hits; a known one is replaced."""
        self.stores.get(self.store_hash)
        values = {"expected": list(dict.fromkeys(expected)), "top": top, "created_at": self.stores.ledger.clock.now()}
        statement = insert(SavedQuery).values(store_hash=self.store_hash, query=query, **values)
        statement = statement.on_conflict_do_update(
            index_elements=[SavedQuery.store_hash, SavedQuery.query], set_=values
        )
        with self.stores.ledger.session() as session:
            session.execute(statement)

    def list(self) -> Sequence[SavedQuery]:
        """Returns the store's queries, in alphabetical order."""
        self.stores.get(self.store_hash)
        query = select(SavedQuery).where(SavedQuery.store_hash == self.store_hash).order_by(SavedQuery.query)
        with self.stores.ledger.session() as session:
            return session.scalars(query).all()

    def remove(self, query: str) -> None:
        """Forgets a query. Raises UnknownSavedQueryError."""
        self.stores.get(self.store_hash)
        gone = delete(SavedQuery).where(SavedQuery.store_hash == self.store_hash, SavedQuery.query == query)
        with self.stores.ledger.session() as session:
            if not session.execute(gone.returning(SavedQuery.query)).all():
                raise UnknownSavedQueryError(
                    f"store {self.store_hash} has no saved query {query!r}: "
                    f"`sync-pipeline saved-queries list --store {self.store_hash}` shows those there are"
                )
