"""What can go wrong with a bulk request, as harms for a fault_proxy: refused operations, and too large a body."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from sync_pipeline_tests.fault_proxy import Answer, Forward, Harm, Request, json_answer


def items_refused(refusals: Mapping[str, tuple[int, str]]) -> Harm:
    """Of a bulk request, the operations on some keys are refused with a status and a type of error, and the others are
    applied.
    """

    def harm(request: Request, forward: Forward) -> Answer:
        operations = _operations(request.body)
        passed = b"".join(lines for key, _, lines in operations if key not in refusals)
        answer = forward(replace(request, body=passed)) if passed else json_answer(200, {"items": []})
        told = json.loads(answer.body)
        others = iter(told["items"])
        items = [
            {action: _refusal(*refusals[key])} if key in refusals else next(others) for key, action, _ in operations
        ]
        return json_answer(200, {**told, "errors": True, "items": items}, answer.headers)

    return harm


def too_large(limit: int) -> Harm:
    """A proxy on the way takes no body of more than ``limit`` bytes; its answer is a page for people."""

    def harm(request: Request, forward: Forward) -> Answer:
        if len(request.body) <= limit:
            return forward(request)
        return Answer(413, {"Content-Type": "text/html"}, b"<html>413 Request Entity Too Large</html>")

    return harm


def _refusal(status: int, error_type: str) -> dict[str, object]:
    return {"status": status, "error": {"type": error_type, "reason": f"made up with status {status}"}}


def _operations(body: bytes) -> list[tuple[str, str, bytes]]:
    """The operations of a bulk request: key, action, and their lines."""
    found = []
    lines = iter(body.splitlines(keepends=True))
    for line in lines:
        [(action, place)] = json.loads(line).items()
        found.append((place["_id"], action, line if action == "delete" else line + next(lines)))
    return found
