"""The ledger's table of stores. As in the core's models, a change here comes with an Alembic revision."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from sync_pipeline.batches.base import Base


class Store(Base):
    """A BigCommerce store. Secrets are sealed (secrets.py): `key-id:base64`, never plain."""

    __tablename__ = "stores"

    hash: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    language: Mapped[str] = mapped_column(server_default="en")
    token: Mapped[str]
    webhook_secret: Mapped[str | None]
    client_secret: Mapped[str | None]
    #: Where BigCommerce sends this store's events (the receiver's public address), once hooks were registered.
    webhook_url: Mapped[str | None]
    #: When the store told that it uninstalled the app: from then on nothing is asked of it.
    uninstalled_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
