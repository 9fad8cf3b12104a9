"""Make the embedded PostgreSQL's data directory fit to start: ``python -m sync_pipeline.local.postgres_cluster …``.

Runs before each start of the server. A new cluster is built beside its place and moved there when it is whole, so that
a kill at any moment leaves either no cluster or a good one.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from sync_pipeline.local.processes import Ending, end_all, titled
from sync_pipeline.local.unprivileged import NOBODY, leave_root


def create_cluster(binaries: Path, folder: Path, user: str, databases: list[str]) -> None:
    """Make ``folder/data`` with the databases, and the administrator's random password in ``folder/password`` (0600).

    Clients prove the password by SCRAM: on a shared machine everybody can reach 127.0.0.1. Raises OSError and
    CalledProcessError; what failed is on stderr.
    """
    data, building, password = folder / "data", folder / "building", folder / "password"
    if data.exists():
        return
    if building.exists():
        shutil.rmtree(building)
    building.mkdir(mode=0o700, parents=True)
    if os.geteuid() == 0:
        os.chown(building, NOBODY, NOBODY)
    password.unlink(missing_ok=True)
    with open(os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:  # noqa: PTH123
        file.write(secrets.token_urlsafe(24))
    # The builtin provider: the same order and the same lower() on every machine.
    locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    access = (f"--username={user}", "--auth=scram-sha-256", f"--pwfile={password}")
    _run([binaries / "initdb", "-D", building, *access, *locale, "--no-instructions"])
    statements = "".join(f'CREATE DATABASE "{database}";\n' for database in databases)
    _run([binaries / "postgres", "--single", "-D", building, "-c", "exit_on_error=on", "postgres"], given=statements)
    building.rename(data)


def clear_remains(data: Path, cluster: str) -> None:
    """Remove what a killed server left and what would keep the next one from starting; nothing of a living server.

    A backend that computes outlives its postmaster. The number in postmaster.pid may be that of a zombie which no init
    fetches, or, after a restart of the machine or container, of any other program.
    """
    end_all([Ending(process, signal.SIGKILL) for process in titled(f"postgres: {cluster}: ")])
    file = data / "postmaster.pid"
    if file.exists():
        number = file.read_text().split("\n")[0].strip()
        if number not in {str(process.pid) for process in titled(f"-D {data}")}:
            file.unlink()


def _run(argv: list[Path | str], *, given: str = "") -> None:
    subprocess.run(  # noqa: S603 (our own command line)
        [str(part) for part in argv],
        input=given,
        text=True,
        check=True,
        preexec_fn=leave_root,
    )


def main() -> None:
    """BINARIES FOLDER CLUSTER_NAME USER DATABASE…; status 1, the reason last on stderr, when there can be none."""
    binaries, folder, cluster, user, *databases = sys.argv[1:]
    try:
        clear_remains(Path(folder) / "data", cluster)
        create_cluster(Path(binaries), Path(folder), user, databases)
    except subprocess.SubprocessError:
        sys.exit(1)  # the program has said why
    except OSError as error:
        sys.exit(f"no PostgreSQL cluster can be made in {folder}: {error}")


if __name__ == "__main__":
    main()
