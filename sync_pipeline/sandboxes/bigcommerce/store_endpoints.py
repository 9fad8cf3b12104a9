"""What a store says of itself: `/v2/store`, `/v2/time`, `/v3/channels…`, `/v3/sites`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync_pipeline.sandboxes.bigcommerce.answers import Answer
from sync_pipeline.sandboxes.bigcommerce.calls import PAGING, Call, one, page_of
from sync_pipeline.sandboxes.bigcommerce.errors import ApiError

if TYPE_CHECKING:
    from sync_pipeline.sandboxes.bigcommerce.shapes import Record


def store(call: Call) -> Answer:
    """Answers `GET /v2/store`."""
    return Answer(200, call.store.catalog.info, xml_names=("store", "item"))


def time(call: Call) -> Answer:
    """Answers `GET /v2/time`: the server's clock in epoch seconds."""
    return Answer(200, {"time": int(call.now)}, xml_names=("time", "item"))


def channels(call: Call) -> Answer:
    """Answers `GET /v3/channels`."""
    chosen = {"status:in": "status", "type:in": "type", "platform:in": "platform"}
    call.query.allow((*PAGING, *chosen))
    found: list[Record] = call.store.catalog.channels.all()
    for parameter, field in chosen.items():
        wanted = call.query.words(parameter)
        if wanted is not None:
            found = [channel for channel in found if channel[field] in wanted]
    return page_of(call, call.cut(found))


def channel_site(call: Call) -> Answer:
    """Answers `GET /v3/channels/{id}/site`: 404 for a channel that has none."""
    call.store.catalog.channels.get(call.numbers["id"])
    for site in call.store.catalog.sites.all():
        if site["channel_id"] == call.numbers["id"]:
            return one(site)
    raise ApiError(404)


def sites(call: Call) -> Answer:
    """Answers `GET /v3/sites`."""
    call.query.allow((*PAGING, "channel_id:in"))
    wanted = call.query.numbers("channel_id:in")
    found = call.store.catalog.sites.all()
    return page_of(call, call.cut([site for site in found if wanted is None or site["channel_id"] in wanted]))
