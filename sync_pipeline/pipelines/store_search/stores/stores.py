"""The stores of the ledger: their row, their sealed secrets, their stop words and synonym rules. No HTTP here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import TYPE_CHECKING

from sqlalchemy import ARRAY, Text, cast, delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from sync_pipeline.batches.schedules import pause_schedules
from sync_pipeline.batches.scopes import forget_scope
from sync_pipeline.batches.sealing import SealedColumns
from sync_pipeline.errors import UsageError
from sync_pipeline.pipelines.store_search.stores.models import Store
from sync_pipeline.pipelines.store_search.stores.word_models import StopWord, SynonymRule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import InstrumentedAttribute, Session

    from sync_pipeline.batches.ledger import Ledger
    from sync_pipeline.batches.secrets import Keyring

    _Model = type[StopWord] | type[SynonymRule]
    _Column = InstrumentedAttribute[str]

# A hash becomes part of URLs, aliases (`store-{hash}`), file names and partition keys.
_HASH = re.compile(r"[a-z0-9]{1,64}")
WEBHOOK_SECRET_BYTES = 32
#: Why the schedules of a store rest that uninstalled the app.
UNINSTALLED = "uninstalled"
SECRET_FIELDS = ("token", "webhook_secret", "client_secret")


class UnknownStoreError(UsageError):
    """The ledger has no such store."""

    kind = "unknown_store"


class TooManyWordsError(UsageError):
    """A store would have more stop words or synonym rules than may be."""

    kind = "too_many_words"


def store_scope(store_hash: str) -> str:
    """Returns the scope of a store in batches and lanes."""
    return f"store:{store_hash}"


def is_hash(store_hash: str) -> bool:
    """Returns whether a store can have this hash."""
    return _HASH.fullmatch(store_hash) is not None


def check_hash(store_hash: str) -> str:
    """Returns ``store_hash`` if it can be one. Raises UsageError otherwise."""
    if not is_hash(store_hash):
        raise UsageError(f"{store_hash!r} is no store hash: lower-case letters and digits, at most 64")
    return store_hash


@dataclass(frozen=True)
class Stores:
    """The ledger's stores. Every method is one transaction."""

    ledger: Ledger
    keyring: Keyring

    def save(
        self,
        store_hash: str,
        *,
        name: str,
        token: str,
        language: str = "en",
        webhook_secret: str | None = None,
        client_secret: str | None = None,
    ) -> Store:
        """Adds the store. Raises UsageError if it is already there."""
        check_hash(store_hash)
        now = self.ledger.clock.now()
        plain = {"token": token, "webhook_secret": webhook_secret, "client_secret": client_secret}
        row = Store(hash=store_hash, name=name, language=language, created_at=now, updated_at=now)
        for field, value in plain.items():
            setattr(row, field, None if value is None else self._seal(store_hash, field, value))
        with self.ledger.session() as session:
            if session.get(Store, store_hash) is not None:
                raise UsageError(f"store {store_hash} is already there (`stores reenter-token` changes its token)")
            session.add(row)
        return row

    def get(self, store_hash: str) -> Store:
        """Returns the store's row. Raises UnknownStoreError."""
        with self.ledger.session() as session:
            return _existing(session, store_hash)

    def list(self) -> Sequence[Store]:
        """Returns all stores by hash."""
        with self.ledger.session() as session:
            return session.scalars(select(Store).order_by(Store.hash)).all()

    def remove(self, store_hash: str) -> None:
        """Forgets the store, its secrets and its search configuration, and ends what is asked of it.

        Its batches stay as history.
        """
        with self.ledger.session() as session:
            session.delete(_existing(session, store_hash))
        forget_scope(self.ledger, store_scope(store_hash))

    def secret(self, store: Store, field: str = "token") -> str | None:
        """Returns the plain secret, in memory only. Raises SecretKeysError when its key is missing."""
        sealed = getattr(store, field)
        return None if sealed is None else self.keyring.open(sealed, belongs_to=_owner(store.hash, field))

    def change_token(self, store_hash: str, token: str) -> None:
        """Seals a new access token for the store."""
        with self.ledger.session() as session:
            row = _existing(session, store_hash)
            row.token = self._seal(store_hash, "token", token)
            row.uninstalled_at = None
            row.updated_at = self.ledger.clock.now()
            pause_schedules(session, store_scope(store_hash), None)

    def mark_uninstalled(self, store_hash: str) -> None:
        """Notes that the store uninstalled the app: nothing is asked of it any more, until a new token comes."""
        with self.ledger.session() as session:
            _existing(session, store_hash).uninstalled_at = self.ledger.clock.now()
            pause_schedules(session, store_scope(store_hash), UNINSTALLED)

    def webhook_secret(self, store_hash: str) -> str:
        """Returns the secret that the store's events carry; a random one is made and sealed when it has none."""
        with self.ledger.session() as session:
            row = _existing(session, store_hash, lock=True)
            if row.webhook_secret is None:
                row.webhook_secret = self._seal(store_hash, "webhook_secret", token_urlsafe(WEBHOOK_SECRET_BYTES))
                row.updated_at = self.ledger.clock.now()
            return self.secret(row, "webhook_secret") or ""

    def set_webhook_url(self, store_hash: str, url: str | None) -> None:
        """Keeps the receiver's public address to which the store's events are sent; None when they no longer are."""
        with self.ledger.session() as session:
            row = _existing(session, store_hash)
            row.webhook_url = url
            row.updated_at = self.ledger.clock.now()

    def stop_words(self, store_hash: str) -> list[str]:
        """Returns the store's own stop words, sorted."""
        with self.ledger.session() as session:
            _existing(session, store_hash)
            return list(
                session.scalars(select(StopWord.word).where(StopWord.store_hash == store_hash).order_by(StopWord.word))
            )

    def synonym_rules(self, store_hash: str) -> list[str]:
        """Returns the store's synonym rules in Solr format, sorted."""
        with self.ledger.session() as session:
            _existing(session, store_hash)
            query = select(SynonymRule.rule).where(SynonymRule.store_hash == store_hash).order_by(SynonymRule.rule)
            return list(session.scalars(query))

    def add_stop_words(self, store_hash: str, words: Sequence[str], *, at_most: int | None = None) -> int:
        """Adds stop words; returns how many are new. Raises TooManyWordsError, none added, above ``at_most`` in all."""
        return self._add(store_hash, StopWord, StopWord.word, words, at_most)

    def add_synonym_rules(self, store_hash: str, rules: Sequence[str], *, at_most: int | None = None) -> int:
        """Adds synonym rules; returns how many are new. Raises TooManyWordsError as ``add_stop_words``."""
        return self._add(store_hash, SynonymRule, SynonymRule.rule, rules, at_most)

    def remove_stop_words(self, store_hash: str, words: Sequence[str]) -> int:
        """Removes stop words; returns how many were there."""
        return self._remove(store_hash, StopWord, StopWord.word, words)

    def remove_synonym_rules(self, store_hash: str, rules: Sequence[str]) -> int:
        """Removes synonym rules; returns how many were there."""
        return self._remove(store_hash, SynonymRule, SynonymRule.rule, rules)

    def _add(self, store_hash: str, model: _Model, column: _Column, values: Sequence[str], at_most: int | None) -> int:
        every = func.unnest(cast(list(dict.fromkeys(values)), ARRAY(Text)))
        new = select(literal(store_hash), every, literal(self.ledger.clock.now()))
        with self.ledger.session() as session:
            # One after the other for a store: the bound holds, and two that add the same words do not deadlock.
            _existing(session, store_hash, lock=True)
            columns = ["store_hash", column.key, "created_at"]
            adding = insert(model).from_select(columns, new).on_conflict_do_nothing().returning(literal(1))
            added = len(session.execute(adding).all())
            total = session.scalar(select(func.count()).where(model.store_hash == store_hash)) or 0
            if added and at_most is not None and total > at_most:
                what = model.__tablename__.replace("_", " ")
                raise TooManyWordsError(
                    f"store {store_hash} would have {total} {what}, {at_most} is the most: nothing was changed"
                )
            return added

    def _remove(self, store_hash: str, model: _Model, column: _Column, values: Sequence[str]) -> int:
        listed = column == func.any(cast(list(values), ARRAY(Text)))
        with self.ledger.session() as session:
            _existing(session, store_hash, lock=True)
            gone = session.execute(delete(model).where(model.store_hash == store_hash, listed).returning(literal(1)))
            return len(gone.all())

    def _seal(self, store_hash: str, field: str, plain: str) -> str:
        return self.keyring.seal(plain, belongs_to=_owner(store_hash, field))


def _existing(session: Session, store_hash: str, *, lock: bool = False) -> Store:
    row = session.get(Store, store_hash, with_for_update={"key_share": True} if lock else None)
    if row is None:
        raise UnknownStoreError(
            f"store {store_hash} is unknown: `sync-pipeline stores add {store_hash}` adds it, "
            "`sync-pipeline stores list` shows those there are"
        )
    return row


def _owner(store_hash: str, field: str) -> str:
    return f"store/{store_hash}/{field}"


#: For the rotation of keys.
SEALED = (SealedColumns(Store, SECRET_FIELDS, lambda store, field: _owner(store.hash, field)),)


def store_scopes(ledger: Ledger) -> list[str]:
    """Returns the scopes of all stores."""
    with ledger.session() as session:
        return [store_scope(store_hash) for store_hash in session.scalars(select(Store.hash).order_by(Store.hash))]


def store_name(ledger: Ledger, scope: str) -> str | None:
    """Returns the name of a scope's store; None when there is no such store any more."""
    with ledger.session() as session:
        return session.scalar(select(Store.name).where(Store.hash == scope.partition(":")[2]))


def check_store_scope(ledger: Ledger, scope: str) -> None:
    """Raises UnknownStoreError, or UsageError for what can be no store's scope."""
    with ledger.session() as session:
        _existing(session, check_hash(scope.partition(":")[2]))
