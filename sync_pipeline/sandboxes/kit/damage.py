"""Harm to a finished reply: cut connections, half a body, a page of HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync_pipeline.sandboxes.kit.faults import FaultKind

if TYPE_CHECKING:
    from sync_pipeline.sandboxes.kit.faults import Fault
    from sync_pipeline.sandboxes.kit.wire import Reply

MAINTENANCE_PAGE = b"<!DOCTYPE html><html><head><title>Maintenance</title></head><body><h1>Back soon</h1></body></html>"


def damage(reply: Reply, fault: Fault | None) -> str:
    """Damage a reply as the fault says; return a word for the counters where its status says nothing of it."""
    match fault.kind if fault is not None else None:
        case FaultKind.CUT_BEFORE_ANSWER:
            reply.bytes_before_cut = -1
            return "cut"
        case FaultKind.CUT_IN_BODY:
            reply.bytes_before_cut = len(reply.body) // 2
            return "cut"
        case FaultKind.TRUNCATED_JSON:
            reply.body = reply.body[: len(reply.body) // 2]
            return "truncated"
        case FaultKind.HTML:
            reply.body = MAINTENANCE_PAGE
            reply.headers["Content-Type"] = "text/html; charset=utf-8"
            return "html"
    return ""
