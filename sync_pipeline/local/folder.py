"""The engines of the working folder, for processes that nobody gave an address: those that Dagster starts.

Whichever of them needs an engine first starts it; all find the same ones, because they share the state directory.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from sync_pipeline.local.engines import Engines, running
from sync_pipeline.local.exclusive import announced
from sync_pipeline.local.state import StateDir
from sync_pipeline.local.table import http_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from sync_pipeline.settings import Settings

OWNER = "dagster"

#: The sandbox's name among the engines; under it `dev` and `demo` also announce another address that they use.
SHOP = "bigcommerce"

#: By process, because a fork holds no lease of its own.
_engines: dict[tuple[int, Path], Engines] = {}
_asking = threading.Lock()


def folder_url(state_dir: Path, engine: str, path: str = "") -> str:
    """Returns an engine's address, as ``Engines.url`` does; it stays in use until this process ends, and idle after.

    Asks anew each time: an engine that was stopped meanwhile is started again. Raises ServiceUnavailableError, and
    UsageError when the directory cannot be used.
    """
    with _asking:
        key = (os.getpid(), state_dir)
        if key not in _engines:
            _engines[key] = Engines.open(state_dir, owner=OWNER)
        return _engines[key].url(engine, path)


def folder_settings(given: Settings, needs: Iterable[str] = ()) -> Settings:
    """Returns the settings with every address that none was given for, from the engines of the folder.

    These are the ledger's and those of ``needs``, whose engines are started, and BigCommerce's as `shop_here` finds it.
    """
    return with_addresses(given, needs, lambda engine: folder_url(given.state_dir, engine), shop_url=shop_here(given))


def with_addresses(
    given: Settings, needs: Iterable[str], url: Callable[[str], str], *, shop_url: str | None = None
) -> Settings:
    """Returns the settings with the address of the ledger and of ``needs`` filled in where none was given.

    ``url`` starts an engine and returns its address; ``shop_url`` stands in for BigCommerce.
    """
    found = {f"{name}_url": getattr(given, f"{name}_url") or url(name) for name in dict.fromkeys(needs)}
    found["database_url"] = given.database_url or url("postgres")
    found["bigcommerce_api_url"] = shop_url or given.bigcommerce_api_url
    return type(given).model_validate({**given.model_dump(), **found})


def shop_here(given: Settings) -> str | None:
    """Returns the address of BigCommerce that a running `dev` or `demo` uses, else of the sandbox that one left here.

    None when the settings name an address, or there is neither.
    """
    if "bigcommerce_api_url" in given.model_fields_set:
        return None
    return announced(StateDir.at(given.state_dir), SHOP) or running_url(given.state_dir, SHOP)


def running_url(state_dir: Path, service: str) -> str | None:
    """Returns the address of a service with HTTP that runs in the state directory, None when it does not."""
    status = running(state_dir)
    found = status.services.get(service) if status else None
    if found is None or found.port is None or found.state != "ready":
        return None
    return http_url(StateDir.at(state_dir), found.port, "")
