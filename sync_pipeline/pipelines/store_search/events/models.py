"""The ledger's table of webhook events. As in the core's models, a change here comes with an Alembic revision."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from sync_pipeline.batches.base import Base


class WebhookEvent(Base):
    """An event that BigCommerce told of: a hint that something changed, never the state itself.

    ``state``: `waiting` → `claimed` by a batch → `done`, `coalesced` (another event of the same key did the work) or
    `dead`. ``received`` counts deliveries of the same event while it waited.
    """

    __tablename__ = "webhook_events"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'claimed', 'done', 'coalesced', 'dead')", name="state"),
        Index(
            "uq_webhook_events_waiting", "store_hash", "hash", unique=True, postgresql_where=text("state = 'waiting'")
        ),
        Index("ix_webhook_events_open", "store_hash", "id", postgresql_where=text("state IN ('waiting', 'claimed')")),
        Index(None, "store_hash", "key"),
        Index(None, "done_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    store_hash: Mapped[str] = mapped_column(ForeignKey("stores.hash", ondelete="CASCADE"))
    scope: Mapped[str]
    #: What it is about: a document id such as `product-12`, or `categories`, `store`, `app`.
    key: Mapped[str]
    #: BigCommerce's own: the same for two deliveries of one event.
    hash: Mapped[str]
    #: The body as it came.
    payload: Mapped[str]
    received: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[str] = mapped_column(server_default="waiting")
    attempts: Mapped[int] = mapped_column(server_default="0")
    #: The attempt of a batch that works on it (`batch:12:1`).
    claimed_by: Mapped[str | None]
    batch_id: Mapped[int | None] = mapped_column(BigInteger)
    error: Mapped[str | None]
    received_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
