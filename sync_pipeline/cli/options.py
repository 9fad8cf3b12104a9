"""Options that several verbs share, so that they are spelt and explained alike."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
StoreHash = Annotated[str, typer.Option("--store", metavar="HASH", help="The store's hash.")]
