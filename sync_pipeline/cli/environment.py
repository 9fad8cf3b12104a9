"""The surroundings of one command: complete settings, the embedded engines behind them, and what Dagster is told.

A URL in the settings means that server; none means the embedded engine, started when it is first needed.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from sync_pipeline.addresses import plain
from sync_pipeline.cli.output import note, remark
from sync_pipeline.local.engines import IDLE_SECONDS, Engines, running
from sync_pipeline.local.folder import SHOP, shop_here, with_addresses
from sync_pipeline.local.state import StateDir
from sync_pipeline.logs import configure_logging
from sync_pipeline.pipeline import nouns_of
from sync_pipeline.pipelines.registry import PIPELINES, configured
from sync_pipeline.private_files import make_private
from sync_pipeline.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sync_pipeline.batches.ledger import Ledger
    from sync_pipeline.batches.secrets import Keyring
    from sync_pipeline.pipeline import Pipeline

#: Settings that are exported also when nobody set them: by then they have a value.
ADDRESSES = {"database_url", "elasticsearch_url", "bigcommerce_api_url"}

#: Settings that depend on which instance of Dagster is used.
OF_DAGSTER = {"dagster_home", "dagster_database_url"}
#: What configures an instance of the project's own; part of the package, so that a wheel has it.
DAGSTER_YAML = Path(__file__).resolve().parent.parent / "dagster.yaml"


@dataclass
class Environment:
    """What a command works with. Everything is made on first use."""

    given: Settings
    owner: str
    idle: float = IDLE_SECONDS
    opened: list[Engines] = field(default_factory=list)
    runtimes: dict[str, Any] = field(default_factory=dict)
    sandbox_url: str | None = None
    #: Whether DAGSTER_HOME is left alone: `dev` and `demo` bring a daemon, and an instance bears one only.
    own_instance: bool = False

    @property
    def log_file(self) -> Path:
        """Where a command's log lines go: stderr is for the person."""
        return self.given.sync_pipeline_log_file or self.given.state_dir / "logs" / "commands.log"

    @cached_property
    def engines(self) -> Engines:
        """The embedded engines of the state directory."""
        engines = Engines.open(self.given.state_dir, owner=self.owner, idle=self.idle, progress=note)
        self.opened.append(engines)
        return engines

    def use_sandbox(self) -> None:
        """Takes the sandbox for BigCommerce, unless the settings name an address. Before ``settings`` is used."""
        if "bigcommerce_api_url" not in self.given.model_fields_set:
            self.sandbox_url = self.engines.url(SHOP)

    @cached_property
    def settings(self) -> Settings:
        """The settings with every address filled in that a configured pipeline needs: starts their engines."""
        return self.settings_for(*self.pipelines)

    def settings_for(self, *pipelines: Pipeline) -> Settings:
        """Returns the settings with the addresses filled in that these pipelines need: starts their engines."""
        needs = [need for pipeline in pipelines for need in pipeline.needs]
        shop = self.sandbox_url or shop_here(self.given)
        return with_addresses(self.given, needs, self._engine_url, shop_url=shop)

    def _engine_url(self, name: str) -> str:
        anew = name == "postgres" and self.owner not in {"dev", "demo"} and not (self.given.state_dir / name).exists()
        url = self.engines.url(name)
        if anew:
            remark(f"nothing was started in this folder before: a new, empty ledger is in {self.given.state_dir}")
        return url

    @cached_property
    def pipelines(self) -> Sequence[Pipeline]:
        """The pipelines that are configured."""
        return configured(self.given)

    def open(self, pipeline: Pipeline) -> Any:
        """Returns the runtime of a pipeline, on this ledger; made once."""
        if pipeline.name not in self.runtimes:
            settings = self.settings_for(pipeline)
            shop = plain(settings.bigcommerce_api_url)
            note(f"using the ledger {self._ledger_address} and BigCommerce at {shop}")
            self.runtimes[pipeline.name] = pipeline.open(settings, self.ledger, self.keyring)
        return self.runtimes[pipeline.name]

    def ledger_url(self) -> str:
        """Returns the address of the ledger's PostgreSQL; starts the embedded one when none is given."""
        return self.given.database_url or self._engine_url("postgres")

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger. The embedded one is upgraded here; another one is never changed without `db upgrade`."""
        # The slow half of a command's start; not all need it.
        from sync_pipeline.batches.database import (  # noqa: PLC0415
            LedgerUnavailableError,
            address,
            check_server,
            make_engine,
            reachable,
        )
        from sync_pipeline.batches.ledger import Ledger  # noqa: PLC0415
        from sync_pipeline.batches.schema import NEWEST_REVISION, revision, upgrade  # noqa: PLC0415

        url = self.ledger_url()
        engine = make_engine(url, pool_size=self.given.db_pool_size)
        if self.given.database_url is None:
            upgrade(engine)
        else:
            check_server(engine)
            with reachable(engine), engine.connect() as connection:
                found = revision(connection)
            if found != NEWEST_REVISION:
                raise LedgerUnavailableError(
                    f"the ledger in {address(url)} is at revision {found or 'none'}, {NEWEST_REVISION} is needed: "
                    "run `sync-pipeline db upgrade`"
                )
        return Ledger(engine, nouns=nouns_of(PIPELINES))

    @property
    def _ledger_address(self) -> str:
        from sync_pipeline.batches.database import address  # noqa: PLC0415 - as above

        url = self.given.database_url
        return f"in {self.given.state_dir}" if url is None else f"at {address(url)}"

    @cached_property
    def keyring(self) -> Keyring:
        """The keys to the secrets in the ledger."""
        from sync_pipeline.core import keyring_of  # noqa: PLC0415 - as above

        return keyring_of(self.given)

    @cached_property
    def dagster_home(self) -> Path:
        """The home of the Dagster instance in use: of the folder's `dev` or `demo`, else DAGSTER_HOME, else our own."""
        given = self.given.dagster_home
        return self.own_home if given is None or self.own_instance or self._daemon_runs_here() else given

    @cached_property
    def own_home(self) -> Path:
        """The project's own instance in the state directory: its files, and a link to the project's `dagster.yaml`."""
        home = self.given.state_dir / "dagster"
        with StateDir.at(self.given.state_dir).usable():
            make_private(home)
            link = home / "dagster.yaml"
            if not link.exists():
                link.unlink(missing_ok=True)
                with suppress(FileExistsError):  # another first command made it at the same moment
                    link.symlink_to(DAGSTER_YAML)
        return home

    def _daemon_runs_here(self) -> bool:
        status = running(self.given.state_dir)
        return status is not None and "daemon" in status.services

    def exports(self) -> dict[str, str]:
        """Returns the variables with which Dagster's own commands work on this ledger and these engines."""
        from sync_pipeline.batches.database import psycopg2_url  # noqa: PLC0415 - as above

        settings = self.settings
        self.ledger  # noqa: B018 - upgraded before anyone uses it
        exported = {"DAGSTER_HOME": str(self.dagster_home)}
        of_pipelines = {name for pipeline in self.pipelines for name in pipeline.variables}
        exported |= {name: os.environ[name] for name in sorted(of_pipelines & os.environ.keys())}
        for name in Settings.model_fields:
            value = getattr(settings, name)
            if (
                name not in OF_DAGSTER
                and value is not None
                and (name in self.given.model_fields_set or name in ADDRESSES)
            ):
                text = str(value.get_secret_value() if isinstance(value, SecretStr) else value)
                exported[name.upper()] = plain(text) if name.endswith("_url") else text
        storage = self.given.dagster_database_url
        if storage is None and self.dagster_home == self.given.state_dir / "dagster":
            storage = self.engines.url("postgres", "dagster")
        if storage is not None:
            exported["DAGSTER_DATABASE_URL"] = psycopg2_url(storage)
        exported["SYNC_PIPELINE_STATE_DIR"] = str(settings.state_dir)
        return exported

    def become_dagster(self) -> None:
        """Puts the exports into this process, for running a job here; its log lines go where the command's go."""
        os.environ.update(self.exports(), SYNC_PIPELINE_LOG_FILE=str(self.log_file))

    def close(self) -> None:
        """Lets go of the engines; they stay up for their idle time."""
        if "ledger" in self.__dict__:
            self.ledger.engine.dispose()
        for engines in self.opened:
            engines.close()


@contextmanager
def environment(owner: str, *, idle: float = IDLE_SECONDS) -> Iterator[Environment]:
    """Yields the environment of the command ``owner``.

    Raises SettingsError when settings are malformed, and StateDirectoryError when the state directory cannot have the
    command's log.
    """
    settings = load_settings()
    os.umask(0o077)  # also for what Dagster and other processes of this one write into the state directory
    surroundings = Environment(settings, owner, idle)
    if settings.sync_pipeline_log_file is None:
        with StateDir.at(settings.state_dir).usable():
            make_private(surroundings.log_file.parent)
            surroundings.log_file.touch(mode=0o600)
    configure_logging(settings.log_level, surroundings.log_file)
    try:
        yield surroundings
    finally:
        surroundings.close()
