"""Dead letters: records that could not be delivered, kept in the ledger with their reason until someone acts.

An open one ends as ``superseded`` (a newer version of its key got another outcome), ``replayed`` (the same, because a
person asked for it) or ``discarded``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import case, select, text, update
from sqlalchemy.dialects.postgresql import insert

from sync_pipeline.batches.models import DeadLetter
from sync_pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sync_pipeline.batches.ledger import Ledger
    from sync_pipeline.operations import Rejected

#: A payload longer than this is cut; the record can be read again from its source by its key.
MAX_PAYLOAD_BYTES = 256 * 1024

#: The option of a batch that names the letter whose record it delivers again.
REPLAY_OF = "replay_of"

#: How many of a batch's dead letters its metadata shows.
SHOWN = 20


class LetterState(StrEnum):
    """What became of a dead letter."""

    OPEN = "open"
    SUPERSEDED = "superseded"
    REPLAYED = "replayed"
    DISCARDED = "discarded"


class DeadLetterError(UsageError):
    """There is no such dead letter, or it is no longer open."""

    kind = "dead_letter"


@dataclass
class DeadLetters:
    """The dead letters of one scope, as one batch writes them. ``shown`` has the first few, for people to look at."""

    ledger: Ledger
    pipeline: str
    scope: str
    batch_id: int
    #: The letter whose record the batch delivers again: its end is called ``replayed``.
    replay_of: int | None = None
    shown: list[dict[str, str]] = field(default_factory=list)
    _open: set[str] | None = None

    def add(self, rejected: Sequence[Rejected]) -> None:
        """Stores the records; one open dead letter a key: a repeated failure counts its attempts up."""
        now = self.ledger.clock.now()
        latest = {item.key: item for item in rejected}
        rows = [
            {
                "pipeline": self.pipeline,
                "scope": self.scope,
                "key": item.key,
                "version": item.version,
                "batch_id": self.batch_id,
                "reason": item.reason,
                "first_error": item.message,
                "last_error": item.message,
                "payload": item.payload[:MAX_PAYLOAD_BYTES],
                "created_at": now,
                "updated_at": now,
            }
            for item in latest.values()
        ]
        statement = insert(DeadLetter)
        newest = statement.excluded
        statement = statement.on_conflict_do_update(
            index_elements=[DeadLetter.pipeline, DeadLetter.scope, DeadLetter.key],
            index_where=text("state = 'open'"),
            set_={
                "version": newest.version,
                "batch_id": newest.batch_id,
                "reason": newest.reason,
                "last_error": newest.last_error,
                "payload": newest.payload,
                "attempts": DeadLetter.attempts + 1,
                "updated_at": newest.updated_at,
            },
        )
        with self.ledger.session() as session:
            session.execute(statement, rows)
        self.shown += [
            {"key": item.key, "reason": item.reason, "message": item.message}
            for item in list(latest.values())[: SHOWN - len(self.shown)]
        ]

    def supersede(self, keys: Sequence[str]) -> None:
        """Ends the open dead letters of keys that have just got another outcome. Those of this batch stay."""
        self._end(self._open_before().intersection(keys))

    def supersede_all(self, concerned: Callable[[str], bool]) -> None:
        """Ends every open dead letter whose key is ``concerned``. Those of this batch stay."""
        self._end({key for key in self._open_before() if concerned(key)})

    def _end(self, ended: set[str]) -> None:
        if not ended:
            return
        replayed = case(
            (DeadLetter.id == self.replay_of, LetterState.REPLAYED.value), else_=LetterState.SUPERSEDED.value
        )
        values = {"state": replayed, "updated_at": self.ledger.clock.now()}
        with self.ledger.session() as session:
            session.execute(update(DeadLetter).where(*self._mine(), DeadLetter.key.in_(ended)).values(values))
        self._open = self._open_before() - ended

    def _open_before(self) -> set[str]:
        """The keys of the open dead letters of earlier batches; read once, for most stores have none."""
        if self._open is None:
            with self.ledger.session() as session:
                self._open = set(session.scalars(select(DeadLetter.key).where(*self._mine())))
        return self._open

    def _mine(self) -> tuple:
        return (
            DeadLetter.pipeline == self.pipeline,
            DeadLetter.scope == self.scope,
            DeadLetter.state == LetterState.OPEN.value,
            DeadLetter.batch_id.is_distinct_from(self.batch_id),
        )


def find_letters(
    ledger: Ledger,
    *,
    pipeline: str | None = None,
    scope: str | None = None,
    state: LetterState | None = None,
    limit: int = 50,
) -> Sequence[DeadLetter]:
    """Dead letters, the newest first."""
    query = select(DeadLetter).order_by(DeadLetter.id.desc()).limit(limit)
    if pipeline is not None:
        query = query.where(DeadLetter.pipeline == pipeline)
    if scope is not None:
        query = query.where(DeadLetter.scope == scope)
    if state is not None:
        query = query.where(DeadLetter.state == state.value)
    with ledger.session() as session:
        return session.scalars(query).all()


def get_letter(ledger: Ledger, letter_id: int) -> DeadLetter:
    """The dead letter. Raises DeadLetterError."""
    with ledger.session() as session:
        letter = session.get(DeadLetter, letter_id)
    if letter is None:
        raise DeadLetterError(f"dead letter {letter_id} does not exist: `sync-pipeline dead-letters list` shows them")
    return letter


def end_letter(ledger: Ledger, letter_id: int, state: LetterState) -> None:
    """Ends an open dead letter, or calls one that its replay superseded ``replayed``. Raises DeadLetterError."""
    letter = get_letter(ledger, letter_id)
    allowed = {LetterState.OPEN, LetterState.SUPERSEDED} if state is LetterState.REPLAYED else {LetterState.OPEN}
    with ledger.session() as session:
        changed = session.execute(
            update(DeadLetter)
            .where(DeadLetter.id == letter_id, DeadLetter.state.in_(allowed))
            .values(state=state.value, updated_at=ledger.clock.now())
            .returning(DeadLetter.id)
        ).all()
    if not changed:
        raise DeadLetterError(f"dead letter {letter_id} is {letter.state}, not open")
