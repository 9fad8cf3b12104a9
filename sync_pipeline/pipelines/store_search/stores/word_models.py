"""The ledger's tables of a store's words: stop words, synonyms, and the queries that must find their products.

As in models.py, a change here comes with an Alembic revision.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from sync_pipeline.batches.base import Base


class StopWord(Base):
    """A word that a store adds to its language's stop words."""

    __tablename__ = "stop_words"

    store_hash: Mapped[str] = mapped_column(ForeignKey("stores.hash", ondelete="CASCADE"), primary_key=True)
    word: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]


class SynonymRule(Base):
    """One synonym rule of a store, in Solr format."""

    __tablename__ = "synonym_rules"

    store_hash: Mapped[str] = mapped_column(ForeignKey("stores.hash", ondelete="CASCADE"), primary_key=True)
    rule: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]


class SavedQuery(Base):
    """A query of a store and the documents that should be among its first ``top`` hits: a measure of quality."""

    __tablename__ = "saved_queries"

    store_hash: Mapped[str] = mapped_column(ForeignKey("stores.hash", ondelete="CASCADE"), primary_key=True)
    query: Mapped[str] = mapped_column(primary_key=True)
    #: Document ids, such as `product-12`.
    expected: Mapped[list[str]]
    top: Mapped[int] = mapped_column(server_default="10")
    created_at: Mapped[datetime]
