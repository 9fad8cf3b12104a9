"""No call to the ledger hangs: not on a lock, not on a statement, not on a PostgreSQL that is frozen."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import httpx
import pytest
from sqlalchemy import Engine, event, text

from sync_pipeline.batches.database import LedgerUnavailableError, make_engine, reachable
from sync_pipeline.batches.lanes import LEASE, acquire
from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.models import ScopeLock, SyncBatch
from sync_pipeline.batches.patience import Patience, more_patient
from sync_pipeline.batches.requests import BatchRequest, LaneName
from sync_pipeline.batches.secrets import new_key_entry, parse_keys
from sync_pipeline.pipelines.store_search.stores.stores import Stores
from sync_pipeline_tests.api.conftest import serving
from sync_pipeline_tests.conftest import REAL_SERVERS

REQUEST = BatchRequest("toy", "toy:a", "all")
SHORT = Patience(lock=0.2, statement=0.4, answer=0.8)


@pytest.fixture
def hasty(clean_database: Engine) -> Iterator[Engine]:
    """Connections to the same database with little patience."""
    engine = make_engine(clean_database.url.render_as_string(hide_password=False), pool_size=1, patience=SHORT)
    yield engine
    engine.dispose()


@pytest.fixture
def backends(hasty: Engine) -> list[int]:
    """The processes of the server that serve these connections, as they are made."""
    if REAL_SERVERS["DATABASE_URL"]:
        pytest.skip("freezes processes of the tests' own server")
    pids = []
    event.listen(hasty, "connect", lambda connection, _: pids.append(connection.info.backend_pid))
    return pids


@contextmanager
def frozen(pids: list[int]) -> Iterator[None]:
    those = list(pids)
    for pid in those:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in those:
            os.kill(pid, signal.SIGCONT)


def check_told(call: Callable[[], object], match: str) -> None:
    began = time.monotonic()
    with pytest.raises(LedgerUnavailableError, match=match) as caught:
        call()
    assert time.monotonic() - began < 5
    assert (caught.value.exit_status, "\n" in str(caught.value)) == (3, False)


def test_whole_patience_is_less_than_a_lease():
    usual = Patience()
    assert usual.lock < usual.statement < usual.answer
    assert usual.connect + usual.answer < LEASE.total_seconds()


def test_row_that_an_idle_transaction_locks_is_not_waited_for(hasty: Engine, ledger: Ledger):
    impatient = Ledger(hasty)
    waiting = ledger.request(REQUEST)
    batch = ledger.claim(ledger.request(REQUEST).id, run_id="r", planned=["all"])
    lane = acquire(impatient, "toy:a", LaneName.BULK, "holder")
    calls = (
        lambda: impatient.claim(waiting.id, run_id="other", planned=[]),
        lambda: impatient.heartbeat(batch),
        lane.renew,
        lambda: acquire(impatient, "toy:a", LaneName.BULK, "holder"),
    )
    with ledger.session() as somebody:
        somebody.query(SyncBatch).with_for_update().all()
        somebody.query(ScopeLock).with_for_update().all()
        for call in calls:
            check_told(call, r"PostgreSQL at .* is busy: .*lock timeout")
        lane.check()
    for call in calls:
        call()


def test_ledger_in_a_hurry_waits_less_for_a_row_than_its_connections_may(ledger: Ledger):
    batch = ledger.claim(ledger.request(REQUEST).id, run_id="r", planned=["all"])
    hurried = replace(ledger, lock_timeout=0.2)
    with ledger.session() as somebody:
        somebody.query(SyncBatch).with_for_update().all()
        check_told(lambda: hurried.heartbeat(batch), "is busy: .*lock timeout")
    hurried.heartbeat(batch)


def test_statement_that_takes_too_long_is_ended(hasty: Engine):
    with hasty.connect() as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))

    def sleep() -> None:
        with Ledger(hasty).session() as session:
            session.execute(text("SELECT pg_sleep(60)"))

    check_told(sleep, "is busy: .*statement timeout")
    with hasty.connect() as connection:
        assert connection.scalar(text("SELECT pg_backend_pid()")) == pid, "the connection is as good as before"


def test_server_process_frozen_in_the_middle_of_a_call_is_hung_up_on(hasty: Engine, backends: list[int]):
    def ask_frozen() -> None:
        with Ledger(hasty).session() as session:
            session.execute(text("SELECT 1"))
            with frozen(backends):
                session.execute(text("SELECT 2"))

    check_told(ask_frozen, "cannot be reached: .*no answer within 0.8 s")
    assert Ledger(hasty).next_version() > 0
    assert len(backends) == 2


def test_calls_go_on_beside_a_frozen_process(hasty: Engine, backends: list[int]):
    ledger = Ledger(hasty)
    batch = ledger.request(REQUEST)
    lane = acquire(ledger, "toy:a", LaneName.BULK, "holder")
    calls = (
        lambda: ledger.claim(batch.id, run_id="r", planned=["all"]),
        lambda: ledger.heartbeat(ledger.get(batch.id)),
        lane.check,
        lane.renew,
        ledger.next_version,
    )
    for call in calls:
        began = time.monotonic()
        with frozen(backends[-1:]):
            call()
        assert time.monotonic() - began < 5
    assert len(backends) == 1 + len(calls)


def test_readiness_is_told_beside_a_frozen_process(hasty: Engine, backends: list[int]):
    def status(client: httpx.Client) -> int:
        return client.get("/health/ready").status_code

    with serving(Stores(Ledger(hasty), parse_keys(new_key_entry("k")))) as client:
        assert status(client) == 200
        with frozen(backends):
            assert status(client) == 200
    assert len(backends) > 1


def test_upgrade_may_take_longer(hasty: Engine):
    with hasty.begin() as connection:
        with more_patient(connection, Patience(statement=30, answer=40)):
            connection.execute(text("SELECT pg_sleep(1.0)"))
        assert connection.connection.driver_connection.answer == SHORT.answer  # pyright: ignore
    with hasty.connect() as connection:
        assert connection.scalar(text("SHOW statement_timeout")) == "400ms"


def test_schema_and_options_of_the_url_are_kept_beside_the_bounds(empty_database_url: str):
    separator = "&" if "?" in empty_database_url else "?"
    engine = make_engine(f"{empty_database_url}{separator}schema=My shop&options=-cwork_mem%3D5MB")
    with engine.connect() as connection:
        found = {
            name: connection.scalar(text(f"SHOW {name}"))
            for name in ("search_path", "work_mem", "lock_timeout", "statement_timeout")
        }
    engine.dispose()
    assert found == {
        "search_path": '"My shop"',
        "work_mem": "5MB",
        "lock_timeout": "10s",
        "statement_timeout": "15s",
    }


class EndedError(BaseException):
    """What a signal raises wherever the main thread is, as Dagster does when a run is terminated."""


@contextmanager
def ended_meanwhile() -> Iterator[None]:
    """Raises EndedError in the block after 0.3 s, and expects that it comes out as it is."""

    def end(*_: object) -> None:
        raise EndedError

    before = signal.signal(signal.SIGALRM, end)
    try:
        with pytest.raises(EndedError):
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.invariant("1.6")
def test_end_of_a_run_in_the_middle_of_a_call_stays_what_it_is(clean_database: Engine):
    engine = make_engine(clean_database.url.render_as_string(hide_password=False), pool_size=1)
    backends: list[int] = []
    event.listen(engine, "connect", lambda connection, _: backends.append(connection.info.backend_pid))
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    # In the look whether a connection still lives, before its use.
    with frozen(backends), ended_meanwhile(), reachable(engine), engine.begin() as connection:
        connection.execute(text("SELECT 1"))
    # In a statement.
    with ended_meanwhile(), reachable(engine), engine.begin() as connection:
        connection.execute(text("SELECT pg_sleep(60)"))
    with reachable(engine), engine.begin() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    engine.dispose()
