"""How long the ledger's connections wait for PostgreSQL, whatever stands still: a lock, a statement, a peer, a process.

The server ends what waits for a lock or works for too long. A server that is frozen ends nothing, while its kernel goes
on acknowledging packets, so that no time-out of TCP helps either: there the client hangs up.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg.abc import RV, PQGen
    from sqlalchemy import Connection


@dataclass(frozen=True)
class Patience:
    """Bounds in seconds.

    ``connect`` is for a new connection, ``lock`` for a lock that others hold, ``statement`` for a whole statement,
    ``answer`` for the server to say anything (longer than that, so that a living server's own time-out is heard, which
    leaves the connection usable). ``connect`` and ``answer`` together are less than a lane's lease (30 s): who waits
    longer for one call has lost its lane.
    """

    connect: int = 10
    lock: float = 10.0
    statement: float = 15.0
    answer: float = 18.0
    #: Of the server's: a client that froze in the middle of a transaction gives up its locks.
    idle_in_transaction: float = 60.0

    @property
    def server_options(self) -> str:
        """The server's part, as libpq's ``options``."""
        bounds = {
            "lock_timeout": self.lock,
            "statement_timeout": self.statement,
            "idle_in_transaction_session_timeout": self.idle_in_transaction,
        }
        return " ".join(f"-c{name}={round(seconds * 1000)}" for name, seconds in bounds.items())

    @property
    def tcp_options(self) -> dict[str, int]:
        """The kernel's part: a peer that vanished is noticed in time also where nothing is asked, as by ``LISTEN``."""
        return {
            "keepalives": 1,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": round(self.answer * 1000),
        }


#: A revision rewrites or indexes tables of millions of rows, or waits for another upgrade; a clean-up deletes as many.
LONG_WORK = Patience(lock=900.0, statement=900.0, answer=960.0)


class PatientConnection(psycopg.Connection):
    """A connection that is closed when the server says nothing for ``answer`` seconds."""

    answer = Patience.answer

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Waits as psycopg does, with a bound of its own where the caller has none.

        Raises psycopg.OperationalError when it is over.
        """
        # In the middle of a call nobody can say what comes next, so the connection is closed.
        try:
            return super().wait(gen, interval, self.answer if timeout is None else timeout)
        except psycopg.errors._WaitTimeout:  # noqa: SLF001 - as psycopg documents for this method
            if timeout is not None:
                raise
            self.pgconn.finish()
            raise psycopg.OperationalError(f"no answer within {self.answer:g} s") from None
        except BaseException as error:
            if not isinstance(error, Exception):  # the end of the run: no error of the connection takes its place
                self.pgconn.finish()
            raise


@contextmanager
def more_patient(connection: Connection, patience: Patience) -> Iterator[None]:
    """Gives the transaction that is under way other bounds while the block works."""
    for name, seconds in (("lock_timeout", patience.lock), ("statement_timeout", patience.statement)):
        connection.execute(text(f"SET LOCAL {name} = {round(seconds * 1000)}"))
    driver = connection.connection.driver_connection
    assert isinstance(driver, PatientConnection)  # noqa: S101 - make_engine makes no others
    before, driver.answer = driver.answer, patience.answer
    try:
        yield
    finally:
        driver.answer = before
