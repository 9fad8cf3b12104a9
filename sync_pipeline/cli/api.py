"""`api`: the webhook receiver, on the ledger alone."""

from __future__ import annotations

from typing import Annotated

import typer

from sync_pipeline.batches.database import make_engine
from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.cli.environment import environment
from sync_pipeline.cli.output import say
from sync_pipeline.logs import configure_logging
from sync_pipeline.pipeline import nouns_of
from sync_pipeline.pipelines.registry import PIPELINES
from sync_pipeline.pipelines.store_search.stores.stores import Stores


def api(
    host: Annotated[str | None, typer.Option("--host", help="Default: API_HOST, or 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option("--port", min=0, max=65535, help="Default: API_PORT, or 8000.")] = None,
) -> None:
    """Receives the webhooks of BigCommerce until Ctrl-C: stores each event in the ledger, then acknowledges it."""
    # A quarter of a second that only this command needs.
    from sync_pipeline.api.app import build_app  # noqa: PLC0415
    from sync_pipeline.api.server import address_of, listen, serve  # noqa: PLC0415

    with environment("api") as here:
        # Nobody waits for its answer here: its log lines are all it says.
        configure_logging(here.given.log_level, here.given.sync_pipeline_log_file)
        listener = listen(host or here.given.api_host, here.given.api_port if port is None else port)
        # Also without its server, or with one that is not upgraded yet, it starts, and answers that it is not ready.
        url = here.given.database_url
        ledger = (
            here.ledger
            if url is None
            else Ledger(make_engine(url, pool_size=here.given.db_pool_size), nouns=nouns_of(PIPELINES))
        )
        app = build_app(Stores(ledger, here.keyring), signatures=here.given.sync_pipeline_webhook_signature == "log")
        say(f"listening on {address_of(listener)}")
        serve(app, listener)
