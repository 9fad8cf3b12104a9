"""Lanes: two per scope, at most one holder each, fenced by a token that only grows (invariant 8).

The lock expires unless renewed, and every write checks the token: a holder that slept through its expiry is refused.
Leases go by PostgreSQL's clock alone: a machine whose own clock is ahead would take lanes from holders that live.
Source of the fencing idea: M. Kleppmann, "How to do distributed locking" (2016).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from sync_pipeline.batches.models import ScopeLock
from sync_pipeline.errors import Retry, SyncPipelineError
from sync_pipeline.logs import Log

if TYPE_CHECKING:
    from sync_pipeline.batches.ledger import Ledger
    from sync_pipeline.batches.requests import LaneName

log = Log("sync_pipeline.batches")

#: How long a lane is held without a renewal; renewals come every 2 s.
LEASE = timedelta(seconds=30)
#: When a lease that is given now ends. Not `now()`, the start of a transaction that may have waited for the lock.
LEASE_END = func.clock_timestamp() + LEASE


class LaneBusyError(SyncPipelineError):
    """Another batch holds the lane."""

    kind = "lane_busy"
    retry = Retry.LATER


class FencedError(SyncPipelineError):
    """The lane was taken over by a later holder: this one must not write any more."""

    kind = "fenced"
    retry = Retry.LATER


@dataclass(frozen=True)
class Lane:
    """A held lane: its ``token`` is larger than that of every holder before."""

    ledger: Ledger
    scope: str
    name: LaneName
    holder: str
    token: int

    def check(self) -> None:
        """Raises FencedError unless this is still the newest holder. Called before every write and acknowledgement.

        A refusal is counted with the lane, and logged.
        """
        query = select(ScopeLock.token, ScopeLock.holder).where(
            ScopeLock.scope == self.scope, ScopeLock.lane == self.name.value
        )
        with self.ledger.session() as session:
            row = session.execute(query).one_or_none()
        if row is None or row.token != self.token or row.holder != self.holder:
            self._count_refusal()
            raise FencedError(
                f"lane {self.name} of {self.scope} was taken over: this run (token {self.token}) writes no more"
            )

    def renew(self) -> None:
        """Extends the lease. Raises FencedError when the lane has gone to another."""
        statement = self._mine(update(ScopeLock)).values(expires_at=LEASE_END)
        with self.ledger.session() as session:
            renewed = session.execute(statement.returning(ScopeLock.token)).one_or_none()
        if renewed is None:
            self.check()

    def release(self) -> None:
        """Frees the lane if it is still this holder's."""
        with self.ledger.session() as session:
            session.execute(self._mine(update(ScopeLock)).values(holder=None, expires_at=None))

    def _count_refusal(self) -> None:
        counted = (
            update(ScopeLock)
            .where(ScopeLock.scope == self.scope, ScopeLock.lane == self.name.value)
            .values(refused=ScopeLock.refused + 1)
            .returning(ScopeLock.refused)
        )
        with self.ledger.session() as session:
            refused = session.scalar(counted)
        log.error("write refused", scope=self.scope, lane=self.name, holder=self.holder, token=self.token, of=refused)

    def _mine(self, statement):
        return statement.where(
            ScopeLock.scope == self.scope,
            ScopeLock.lane == self.name.value,
            ScopeLock.token == self.token,
            ScopeLock.holder == self.holder,
        )


class NoLane:
    """What a part holds that writes nothing, or whose claims fence themselves: nothing, so nothing is refused."""

    def check(self) -> None:
        """Refuses nothing."""

    def renew(self) -> None:
        """Extends nothing."""


def acquire(ledger: Ledger, scope: str, name: LaneName, holder: str) -> Lane:
    """Takes the lane if it is free, expired, or already this holder's (then with its same token).

    Raises LaneBusyError naming the holder.
    """
    fresh = insert(ScopeLock).values(scope=scope, lane=name.value, token=1, holder=holder, expires_at=LEASE_END)
    take = fresh.on_conflict_do_update(
        index_elements=[ScopeLock.scope, ScopeLock.lane],
        set_={"token": ScopeLock.token + 1, "holder": holder, "expires_at": LEASE_END},
        where=or_(ScopeLock.holder.is_(None), ScopeLock.expires_at <= func.clock_timestamp()),
    ).returning(ScopeLock.token)
    query = select(ScopeLock).where(ScopeLock.scope == scope, ScopeLock.lane == name.value)
    with ledger.session() as session:
        held = session.scalar(query.with_for_update())
        if held is not None and held.holder == holder:
            held.expires_at = LEASE_END
            return Lane(ledger, scope, name, holder, held.token)
        token = session.scalar(take)
        if token is None:
            now_held = session.scalar(query)
            raise LaneBusyError(
                f"lane {name} of {scope} is held by {now_held.holder if now_held else 'another'}: wait for it, or see "
                "`sync-pipeline batches list --status processing`"
            )
    return Lane(ledger, scope, name, holder, token)


def refusals(ledger: Ledger) -> dict[str, int]:
    """Returns how often the fence refused a late holder, by scope and lane (`store:abc bulk`), where it did."""
    query = (
        select(ScopeLock.scope, ScopeLock.lane, ScopeLock.refused)
        .where(ScopeLock.refused > 0)
        .order_by(ScopeLock.scope, ScopeLock.lane)
    )
    with ledger.session() as session:
        return {f"{scope} {lane}": refused for scope, lane, refused in session.execute(query)}
