"""The kit over real HTTP, by means of a toy: faults, counters, clock, control API, process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import pytest

from sync_pipeline.sandboxes.kit.control_client import ControlClient
from sync_pipeline.sandboxes.kit.faults import FaultKind
from sync_pipeline.sandboxes.kit.testing import RunningServer
from sync_pipeline_tests.sandboxes.kit.toy import build_app, toy
from sync_pipeline_tests.waiting import wait_for

PATH = "/one/letters"


class ToyControl(ControlClient):
    noun = "drawers"


@dataclass
class Running:
    http: httpx.Client
    control: ToyControl

    def get(self, path: str = PATH) -> httpx.Response:
        return self.http.get(path)


@pytest.fixture
def running() -> Iterator[Running]:
    with (
        RunningServer(build_app(toy())) as server,
        httpx.Client(base_url=server.base_url) as http,
        ToyControl(server.base_url) as control,
    ):
        yield Running(http, control)


def test_latency_delays_and_leaves_other_faults_their_turn(running: Running) -> None:
    running.control.inject("one", FaultKind.LATENCY, seconds=0.15)
    running.control.inject("one", FaultKind.UNAVAILABLE, count=1)
    begun = time.monotonic()
    assert running.get().status_code == 503
    assert time.monotonic() - begun >= 0.15
    with pytest.raises(httpx.ReadTimeout):
        running.http.get(PATH, timeout=0.05)


def test_latency_ends_when_it_is_removed(running: Running) -> None:
    running.control.inject("one", FaultKind.LATENCY, seconds=3600)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(running.http.get, PATH, timeout=60)
        wait_for(lambda: running.control.faults("one")[0].applied == 1, what="the delayed request")
        running.control.clear_faults("one")
        assert waiting.result(timeout=60).status_code == 200


@pytest.mark.parametrize(
    ("kind", "status", "told"),
    [
        (FaultKind.TOO_MANY_REQUESTS, 429, "7"),
        (FaultKind.BARE_TOO_MANY_REQUESTS, 429, None),
        (FaultKind.SERVER_ERROR, 500, None),
        (FaultKind.UNAVAILABLE, 503, None),
        (FaultKind.GATEWAY_TIMEOUT, 504, None),
        (FaultKind.WRONG_TOKEN, 401, None),
    ],
)
def test_refusal_has_its_status_and_the_services_own_words(
    running: Running, kind: FaultKind, status: int, told: str | None
) -> None:
    running.control.inject("one", kind, count=1, seconds=7)
    refused = running.get()
    assert (refused.status_code, refused.json(), refused.headers.get("Retry-After")) == (
        status,
        {"message": kind},
        told,
    )
    assert running.get().json() == {"letters": ["a", "b", "c"]}


def test_connection_is_cut_before_the_answer(running: Running) -> None:
    running.control.inject("one", FaultKind.CUT_BEFORE_ANSWER, count=1)
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        running.get()
    assert running.get().status_code == 200


def test_connection_is_cut_in_the_body_after_a_good_status(running: Running) -> None:
    running.control.inject("one", FaultKind.CUT_IN_BODY, count=1)
    with running.http.stream("GET", PATH) as response:
        assert response.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
            response.read()
    assert running.get().status_code == 200


def test_truncated_json_and_html_come_with_a_good_status(running: Running) -> None:
    running.control.inject("one", FaultKind.TRUNCATED_JSON, count=1)
    running.control.inject("one", FaultKind.HTML, count=1)
    truncated, html = running.get(), running.get()
    assert (truncated.status_code, truncated.text) == (200, '{"letters":[')
    assert (html.status_code, html.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert html.text.startswith("<!DOCTYPE html>")


def test_lists_are_short_or_empty_as_if_that_were_all(running: Running) -> None:
    running.control.inject("one", FaultKind.SHORT_LIST, count=1, items=2)
    running.control.inject("one", FaultKind.EMPTY_LIST, count=1)
    assert [running.get().json()["letters"] for _ in range(3)] == [["a", "b"], [], ["a", "b", "c"]]


def test_counters_tell_the_outcomes_by_route(running: Running) -> None:
    running.control.inject("one", FaultKind.UNAVAILABLE, count=2)
    running.control.inject("one", FaultKind.TRUNCATED_JSON, count=1)
    for _ in range(4):
        running.get()
    counters = running.control.counters("one")
    assert counters.requests == {"/letters": {"503": 2, "truncated": 1, "200": 1}}
    assert (counters.total("/letters"), counters.total("/none"), counters.total()) == (4, 0, 4)
    running.control.reset_counters("one")
    assert running.control.counters("one").requests == {}


def test_faults_strike_as_told_and_tell_how_often(running: Running) -> None:
    running.control.inject("one", FaultKind.SERVER_ERROR, path="/lett*", after=1, count=2)
    running.control.inject("one", FaultKind.UNAVAILABLE, path="/elsewhere")
    assert [running.get().status_code for _ in range(4)] == [200, 500, 500, 200]
    struck, other = running.control.faults("one")
    assert [(struck.matched, struck.applied), (other.matched, other.applied)] == [(3, 2), (0, 0)]
    running.control.clear_faults("one", struck.id)
    assert running.control.faults("one") == [other]


def test_tenants_do_not_share_faults_and_reset_ends_them(running: Running) -> None:
    running.control.inject("one", FaultKind.UNAVAILABLE)
    assert [running.get(path).status_code for path in (PATH, "/other/letters")] == [503, 200]
    running.control.reset("one")
    assert running.control.counters("one").requests == {}
    assert running.get().status_code == 200
    assert running.control.counters("other").total() == 1


def test_clock_goes_on_and_can_be_moved(running: Running) -> None:
    before = running.control.advance_clock(0)
    assert running.control.advance_clock(3600) >= before + 3600


def test_control_api_refuses_what_it_does_not_know(running: Running) -> None:
    assert running.control.health() == ["one", "other"]
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        running.control.counters("nobody")
    unknown = running.http.post("/_sandbox/drawers/one/faults", json={"kind": "no such kind"})
    assert unknown.status_code == 400
    assert "no such kind" in unknown.json()["error"]


def test_process_tells_its_address_and_ends_on_sigterm() -> None:
    command = [sys.executable, "-m", "sync_pipeline_tests.sandboxes.kit.toy", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert told["drawers"] == ["one", "other"]
        assert httpx.get(f"{told['url']}{PATH}").status_code == 200
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, rest, errors) == (0, "", "")
