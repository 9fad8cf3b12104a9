"""Dead letters: records that could not be delivered, kept in the ledger with their reason until someone acts.

An open one ends as ``superseded`` (a newer version of its key got another outcome), ``replayed`` (the same, because a
person asked for it) or ``discarded``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Text, case, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.orm import defer

from sync_pipeline.batches.models import DeadLetter
from sync_pipeline.errors import UsageError, storable_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy import Select

    from sync_pipeline.batches.ledger import Ledger
    from sync_pipeline.batches.parts import BatchPart
    from sync_pipeline.operations import Rejected

#: A payload longer than this is cut; the record can be read again from its source by its key.
MAX_PAYLOAD_BYTES = 256 * 1024

#: The option of a batch that names the letter whose record it delivers again.
REPLAY_OF = "replay_of"

#: How many of a batch's dead letters its metadata shows.
SHOWN = 20

#: How many letters an export reads at a time.
STREAMED = 20


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
    """The dead letters of one scope, as one batch writes them. ``shown`` has the first few, for people to look at.

    Versions decide: no older outcome or failure touches a letter of a newer version. Used from several threads at once.
    """

    ledger: Ledger
    pipeline: str
    scope: str
    batch_id: int
    #: The letter whose record the batch delivers again: its end is called ``replayed``.
    replay_of: int | None = None
    shown: list[dict[str, str]] = field(default_factory=list)
    _open: dict[str, int] | None = None
    _reading: Lock = field(default_factory=Lock)

    @classmethod
    def of(cls, part: BatchPart) -> DeadLetters:
        """Returns those that a part of a batch writes."""
        batch = part.batch
        return cls(part.ledger, batch.pipeline, batch.scope, batch.id, batch.options.get(REPLAY_OF))

    def add(self, rejected: Sequence[Rejected]) -> None:
        """Stores the records; one open dead letter a key: a repeated failure counts its attempts up."""
        now = self.ledger.clock.now()
        latest = {item.key: item for item in sorted(rejected, key=lambda item: item.version)}
        rows = [
            {
                "pipeline": self.pipeline,
                "scope": self.scope,
                "key": item.key,
                "version": item.version,
                "batch_id": self.batch_id,
                "reason": item.reason,
                "first_error": storable_text(item.message),
                "last_error": storable_text(item.message),
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
            where=DeadLetter.version <= newest.version,
        )
        with self.ledger.session() as session:
            session.execute(statement, rows)
        with self._reading:
            if self._open is not None:
                self._open |= {key: max(item.version, self._open.get(key, 0)) for key, item in latest.items()}
        self.shown += [
            {"key": item.key, "reason": item.reason, "message": item.message}
            for item in list(latest.values())[: SHOWN - len(self.shown)]
        ]

    def supersede(self, versions: Mapping[str, int]) -> None:
        """Ends the open dead letters of keys that have just got another outcome at a newer version."""
        open_letters = self._open_letters()
        ended = [key for key, version in versions.items() if open_letters.get(key, version) < version]
        if ended:
            self._end({key: versions[key] for key in ended})

    def supersede_all(self, concerned: Callable[[str], bool], *, version: int) -> None:
        """Ends every open dead letter that is older than ``version`` and whose key is ``concerned``."""
        query = select(DeadLetter.key).where(*self._mine(), DeadLetter.version < version)
        with self.ledger.session() as session:
            ended = [key for key in session.scalars(query) if concerned(key)]
        if ended:
            self._end(dict.fromkeys(ended, version))

    def _end(self, versions: Mapping[str, int]) -> None:
        keys, values = literal(list(versions), ARRAY(Text)), literal(list(versions.values()), ARRAY(BigInteger))
        newer = func.unnest(keys, values).table_valued("key", "version").render_derived(name="newer")
        asked_for = (DeadLetter.id == self.replay_of, LetterState.REPLAYED.value)
        state = case(asked_for, else_=LetterState.SUPERSEDED.value)
        statement = (
            update(DeadLetter)
            .where(*self._mine(), DeadLetter.key == newer.c.key, DeadLetter.version < newer.c.version)
            .values(state=state, updated_at=self.ledger.clock.now())
        )
        with self.ledger.session() as session:
            session.execute(statement)
        with self._reading:
            for key, version in versions.items():
                if self._open is not None and self._open.get(key, version) < version:
                    del self._open[key]

    def _open_letters(self) -> dict[str, int]:
        """Returns the versions of the open dead letters by key; read once, for most scopes have none."""
        with self._reading:
            if self._open is None:
                query = select(DeadLetter.key, DeadLetter.version).where(*self._mine())
                with self.ledger.session() as session:
                    self._open = {row.key: row.version for row in session.execute(query)}
            return self._open

    def _mine(self) -> tuple:
        return (
            DeadLetter.pipeline == self.pipeline,
            DeadLetter.scope == self.scope,
            DeadLetter.state == LetterState.OPEN.value,
        )


def find_letters(
    ledger: Ledger,
    *,
    pipeline: str | None = None,
    scope: str | None = None,
    state: LetterState | None = None,
    limit: int = 50,
) -> Sequence[DeadLetter]:
    """Returns dead letters without their payloads, the newest first."""
    query = _letters(pipeline, scope, state).options(defer(DeadLetter.payload, raiseload=True)).limit(limit)
    with ledger.session() as session:
        return session.scalars(query).all()


def stream_letters(
    ledger: Ledger, *, pipeline: str | None = None, scope: str | None = None, state: LetterState | None = None
) -> Iterator[DeadLetter]:
    """Yields all dead letters with their payloads, the newest first; only a few are in memory at a time.

    Whoever reads may take any time over it: no transaction is open meanwhile.
    """
    query, last = _letters(pipeline, scope, state).limit(STREAMED), None
    while True:
        with ledger.session() as session:
            found = session.scalars(query if last is None else query.where(DeadLetter.id < last)).all()
        yield from found
        if len(found) < STREAMED:
            return
        last = found[-1].id


def _letters(pipeline: str | None, scope: str | None, state: LetterState | None) -> Select[DeadLetter]:
    query = select(DeadLetter).order_by(DeadLetter.id.desc())
    if pipeline is not None:
        query = query.where(DeadLetter.pipeline == pipeline)
    if scope is not None:
        query = query.where(DeadLetter.scope == scope)
    if state is not None:
        query = query.where(DeadLetter.state == state.value)
    return query


def get_letter(ledger: Ledger, letter_id: int) -> DeadLetter:
    """Returns the dead letter. Raises DeadLetterError."""
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
