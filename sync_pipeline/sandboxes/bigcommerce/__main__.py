"""``python -m sync_pipeline.sandboxes.bigcommerce``: the sandbox as a process of its own (kit/process.py).

Tokens come from a file, never from arguments.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from sync_pipeline.errors import UsageError
from sync_pipeline.sandboxes.bigcommerce.app import build_app
from sync_pipeline.sandboxes.bigcommerce.demo import demo_catalog
from sync_pipeline.sandboxes.bigcommerce.folder import folder_catalog
from sync_pipeline.sandboxes.bigcommerce.generated_content import generated_catalog
from sync_pipeline.sandboxes.bigcommerce.kept import kept_catalog
from sync_pipeline.sandboxes.bigcommerce.ready_made import ReadyMade
from sync_pipeline.sandboxes.bigcommerce.sandbox import Sandbox
from sync_pipeline.sandboxes.kit.process import parser_of, run

if TYPE_CHECKING:
    import argparse

    from sync_pipeline.sandboxes.bigcommerce.catalog import Catalog

ROOMY_QUOTA = 10_000


def main() -> int:
    """Run the sandbox; return 0 after an orderly end, 2 for wrong usage."""
    return run(_parser(), _sandbox, build_app)


def _parser() -> argparse.ArgumentParser:
    parser = parser_of("sync_pipeline.sandboxes.bigcommerce", "A BigCommerce sandbox.")
    parser.add_argument("--store", choices=["demo"], action="append", default=[], help="the demonstration shop")
    parser.add_argument("--keep", type=Path, help="a folder in which that shop is kept from one start to the next")
    parser.add_argument(
        "--folder", type=Path, action="append", default=[], help="a folder with one file per collection"
    )
    parser.add_argument("--generate", metavar="HASH:SEED:PRODUCTS", action="append", default=[])
    parser.add_argument("--tokens-file", type=Path, help="JSON {hash: token}; others have the token HASH-token")
    parser.add_argument("--quota", type=int, default=ROOMY_QUOTA, help="requests per window of 30 s")
    parser.add_argument("--ready-made", action="store_true", help="keep each product's JSON in memory")
    return parser


def _sandbox(arguments: argparse.Namespace) -> Sandbox:
    sandbox = Sandbox()
    tokens = _tokens(arguments.tokens_file)
    kept: Path | None = arguments.keep
    catalogs = [demo_catalog() if kept is None else kept_catalog(kept, demo_catalog) for _ in arguments.store[:1]]
    catalogs += [folder_catalog(folder) for folder in arguments.folder]
    catalogs += [_generated(text) for text in arguments.generate]
    for catalog in catalogs:
        store = sandbox.add(catalog, token=tokens.get(catalog.hash, ""))
        store.limiter.quota = arguments.quota
        store.ready_made = ReadyMade(catalog.products) if arguments.ready_made else None
    if kept is not None and arguments.store:
        sandbox.keep_store(catalogs[0].hash, kept)
    unknown = sorted(tokens.keys() - sandbox.stores.keys())
    if unknown:
        raise UsageError(f"{arguments.tokens_file} names stores that are not served: {', '.join(unknown)}")
    return sandbox


def _generated(text: str) -> Catalog:
    parts = text.split(":")
    if len(parts) != 3 or not (parts[1].isdigit() and parts[2].isdigit()):
        raise UsageError(f"--generate wants HASH:SEED:PRODUCTS, not {text}")
    return generated_catalog(parts[0], seed=int(parts[1]), products=int(parts[2]))


def _tokens(file: Path | None) -> dict[str, str]:
    if file is None:
        return {}
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(f"{file} is no JSON file of tokens by hash: {error}") from None


if __name__ == "__main__":
    sys.exit(main())
