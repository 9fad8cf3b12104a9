"""`dev`, `demo`, `down`, `env`, `db upgrade`: the project on one machine, with its own engines and a sandbox store."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_pipeline.addresses import plain
from sync_pipeline.cli.environment import environment
from sync_pipeline.cli.options import Json
from sync_pipeline.cli.output import emit_json, remark, say
from sync_pipeline.errors import ServiceUnavailableError, SyncPipelineError, one_line
from sync_pipeline.local.api_service import run_api
from sync_pipeline.local.dagster_services import LOCATION, run_dagster
from sync_pipeline.local.down import stop_all
from sync_pipeline.local.engines import running
from sync_pipeline.local.exclusive import exclusive
from sync_pipeline.local.folder import SHOP, running_url, shop_here
from sync_pipeline.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sync_pipeline.cli.environment import Environment
    from sync_pipeline.local.exclusive import Exclusive

#: How long the engines stay up for whoever uses what `env` printed.
ENV_IDLE_SECONDS = 12 * 3600.0
POLL_SECONDS = 1.0

db = typer.Typer(help="The ledger's database.", no_args_is_help=True)


def dev() -> None:
    """Runs everything here until Ctrl-C: engines, sandbox store, Dagster's daemon and UI, the webhook receiver."""
    with environment("dev", idle=0.0) as here, exclusive(here.given.state_dir, "dev") as right, _stoppable() as stop:
        _prepare(here, right)
        address_of_ui = run_dagster(here.engines, here.exports())
        asked = here.given.api_port if "api_port" in here.given.model_fields_set else 0
        address_of_api = run_api(here.engines, here.exports(), port=asked)
        right.announce(address=address_of_ui)
        say(f"Dagster UI   {address_of_ui}")
        say(f"Webhooks     {address_of_api}")
        say(f"BigCommerce  {plain(here.settings.bigcommerce_api_url)}")
        say('commands in this folder use what runs here; programs elsewhere: eval "$(sync-pipeline env)"; Ctrl-C stops')
        if own := [name for name in ("DATABASE_URL", "ELASTICSEARCH_URL") if name in os.environ]:
            say(f"they need the {' and '.join(own)} of this terminal, too")
        _watch(here, stop)
        say("stopping: runs get 10 s to finish, Ctrl-C ends them now")
        _interrupt_runs(here, stop)
        here.engines.stop()


def demo(
    exit_: Annotated[bool, typer.Option("--exit", help="End after the report.")] = False,
    as_json: Json = False,
) -> int:
    """Returns a sandbox store, one All batch end to end, and a search that shows synonyms and stop words at work."""
    from sync_pipeline.cli.store_search import demo as demonstration  # noqa: PLC0415 - `down` needs none of it

    with environment("demo", idle=0.0) as here, exclusive(here.given.state_dir, "demo") as right, _stoppable() as stop:
        _prepare(here, right)
        report = demonstration.run(here)
        report["addresses"] = {
            "Dagster UI": run_dagster(here.engines, here.exports()),
            "BigCommerce sandbox": plain(here.settings.bigcommerce_api_url),
            "Elasticsearch": plain(here.settings.elasticsearch_url),
        }
        right.announce(address=report["addresses"]["Dagster UI"])
        emit_json(report) if as_json else demonstration.tell(report)
        if not exit_:
            say("Ctrl-C stops")
            _watch(here, stop)
        _interrupt_runs(here, stop)
        here.engines.stop()
    return 0


def down(as_json: Json = False) -> None:
    """Stops everything that runs in the state directory."""
    stopped = stop_all(load_settings().state_dir)
    emit_json(stopped) if as_json else say(
        f"stopped {', '.join(sorted(stopped))}" if stopped else "nothing was running"
    )


def env(as_json: Json = False) -> None:
    """Prints the exports with which programs elsewhere work on what runs in this folder."""
    with environment("env", idle=ENV_IDLE_SECONDS) as here:
        sandbox = running_url(here.given.state_dir, SHOP)
        if sandbox is not None and sandbox == shop_here(here.given):
            here.use_sandbox()  # keeps it up
        exports = here.exports()
    if as_json:
        emit_json(exports)
        return
    for name, value in exports.items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")  # exactly: a shell reads it


@db.callback()
def database() -> None:
    """Manages the ledger's database."""


@db.command("upgrade")
def upgrade_database(as_json: Json = False) -> None:
    """Creates or upgrades the ledger's tables."""
    from sync_pipeline.batches.database import address, make_engine  # noqa: PLC0415 - `down` needs no database
    from sync_pipeline.batches.schema import upgrade  # noqa: PLC0415

    with environment("db upgrade") as here:
        url = here.given.database_url or here.engines.url("postgres")
        engine = make_engine(url)
        revision = upgrade(engine)
        engine.dispose()
    emit_json({"revision": revision}) if as_json else say(f"the ledger in {address(url)} is at revision {revision}")


@dataclass
class Stop:
    """Whether the end was asked for, and once more; whether there is anything yet that takes a while to end."""

    asked: threading.Event = field(default_factory=threading.Event)
    hurry: threading.Event = field(default_factory=threading.Event)
    serving: bool = False


@contextmanager
def _stoppable() -> Iterator[Stop]:
    """Yields what Ctrl-C and TERM ask for: the end, then haste with it. What is asked beyond interrupts at once."""
    stop = Stop()

    def asked(*_: Any) -> None:
        if not stop.asked.is_set():
            stop.asked.set()
        elif stop.serving and not stop.hurry.is_set():
            stop.hurry.set()
        else:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, asked) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt_runs(here: Environment, stop: Stop) -> None:
    """Gives the runs of this command's Dagster a short time to finish, then ends them and their batches truthfully.

    Whatever cannot be ended now is, by the reaper, at the next start.
    """
    from sync_pipeline.orchestration.shutdown import interrupt_runs  # noqa: PLC0415 - `down` needs no Dagster

    try:
        if "daemon" not in here.engines.stop(["daemon"]):
            return  # another command uses this Dagster
        here.become_dagster()
        ended = interrupt_runs(here.ledger, LOCATION, stop.hurry)
    except SyncPipelineError as error:
        remark(f"runs were not ended, the next start does it: {one_line(error)}")
        return
    if ended:
        say(f"{len(ended)} runs were interrupted: the next start takes up their batches")


def _prepare(here: Environment, right: Exclusive) -> None:
    """Settles which Dagster and which shop this command works with, and ends what an earlier one left over."""
    here.own_instance = True
    here.use_sandbox()
    right.announce(**{SHOP: plain(here.settings.bigcommerce_api_url)})
    _end_left_over_runs(here)


def _end_left_over_runs(here: Environment) -> None:
    """Ends the runs that an earlier Dagster of this folder was starting when it died, unless one works here."""
    from sync_pipeline.orchestration.shutdown import end_unclaimed  # noqa: PLC0415 - `down` needs no Dagster

    here.become_dagster()
    live = running(here.given.state_dir)
    if live is None or "daemon" not in live.services:
        end_unclaimed(here.ledger, LOCATION)


def _watch(here: Environment, stop: Stop) -> None:
    """Waits for the end; says what breaks or comes back meanwhile, and has it started again.

    What breaks too often is given up, and told once.
    """
    stop.serving = True
    last: dict[str, str] = {}
    told = ""
    while not stop.asked.wait(POLL_SECONDS):
        trouble = ""
        try:
            here.engines.ensure()
        except ServiceUnavailableError as error:
            trouble = one_line(error)
        if trouble and trouble != told:
            remark(trouble)
        told = trouble
        for name, service in here.engines.status().items():
            if last.get(name, "ready") != service.state:
                remark(f"{name} is {service.state}{': ' + service.error if service.error else ''}")
            last[name] = service.state
