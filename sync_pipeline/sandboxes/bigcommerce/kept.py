"""A shop that outlives its server: written to a folder at an orderly end, and served from there at the next start.

The folder is one of ``folder.py``, with a file beside it for what a catalogue does not have: webhooks, and the highest
numbers that were given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from sync_pipeline.errors import UsageError
from sync_pipeline.private_files import make_private
from sync_pipeline.sandboxes.bigcommerce.folder import folder_catalog, write_folder
from sync_pipeline.sandboxes.bigcommerce.hooks import Hook  # noqa: TC001 - msgspec reads annotations

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sync_pipeline.sandboxes.bigcommerce.catalog import Catalog
    from sync_pipeline.sandboxes.bigcommerce.store import Store

REST = "sandbox.json"
NUMBERED = ("trees", "categories", "brands", "products", "pages", "posts", "sites", "channels")


class Rest(msgspec.Struct):
    """What there is beside the catalogue; ``last_ids`` are by collection, those of parts and hooks too."""

    hooks: list[Hook]
    last_ids: dict[str, int]


def kept_catalog(folder: Path, make: Callable[[], Catalog]) -> Catalog:
    """Returns the catalogue that was kept in ``folder``, or makes one. Raises UsageError for one that is malformed."""
    return folder_catalog(folder) if (folder / REST).is_file() else make()


def restore_rest(store: Store, folder: Path) -> None:
    """Gives a store whose catalogue was kept its webhooks and numbers again. Raises UsageError for a malformed file."""
    file = folder / REST
    if not file.is_file():
        return
    try:
        rest = msgspec.json.decode(file.read_bytes(), type=Rest)
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from None
    store.hooks.by_id = {hook.id: hook for hook in rest.hooks}
    for name, holder, attribute in _numbers(store):
        setattr(holder, attribute, max(getattr(holder, attribute), rest.last_ids.get(name, 0)))


def keep(store: Store, folder: Path) -> None:
    """Writes a store's catalogue, webhooks and numbers; a start that finds the last file finds all. Raises OSError."""
    make_private(folder)
    (folder / REST).unlink(missing_ok=True)
    write_folder(store.catalog, folder)
    rest = Rest(
        list(store.hooks.by_id.values()), {name: getattr(holder, field) for name, holder, field in _numbers(store)}
    )
    written = folder / f"{REST}.new"
    written.write_bytes(msgspec.json.encode(rest))
    written.replace(folder / REST)


def _numbers(store: Store) -> list[tuple[str, Any, str]]:
    """Returns what has a highest number: its name, whose attribute it is, and the attribute."""
    collections = [(name, getattr(store.catalog, name), "last_id") for name in NUMBERED]
    return [*collections, ("parts", store.catalog.products, "last_part_id"), ("hooks", store.hooks, "last_id")]
