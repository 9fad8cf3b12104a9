from __future__ import annotations

import json
import time

import httpx
import pytest

from sync_pipeline.sandboxes.kit.faults import FaultKind
from sync_pipeline_tests.sandboxes.bigcommerce.conftest import Shop

PATH = "/v3/catalog/products"


@pytest.mark.parametrize("kind", [FaultKind.SERVER_ERROR, FaultKind.UNAVAILABLE, FaultKind.GATEWAY_TIMEOUT])
def test_server_errors_have_their_status_and_a_body(demo: Shop, kind: FaultKind) -> None:
    demo.admin.inject("demo", kind, path=f"{PATH}*", count=1)
    response = demo.get(PATH)
    assert response.status_code == response.json()["status"] == int(kind)
    assert demo.get(PATH).status_code == 200


def test_a_429_tells_its_waiting_time_unless_it_is_bare(demo: Shop) -> None:
    demo.admin.inject("demo", FaultKind.TOO_MANY_REQUESTS, count=1, seconds=7)
    told = demo.get(PATH)
    assert (told.status_code, told.headers["X-Retry-After"]) == (429, "7")
    assert told.headers["X-Rate-Limit-Requests-Left"] == "0"
    demo.admin.inject("demo", FaultKind.BARE_TOO_MANY_REQUESTS, count=1)
    bare = demo.get(PATH)
    assert bare.status_code == 429
    assert not [name for name in bare.headers if name.lower().startswith(("x-rate", "x-retry"))]


def test_a_connection_cut_before_the_answer_is_a_protocol_error(demo: Shop) -> None:
    demo.admin.inject("demo", FaultKind.CUT_BEFORE_ANSWER, count=1)
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        demo.get(PATH)
    assert demo.get(PATH).status_code == 200


def test_a_connection_cut_in_the_body_is_a_protocol_error_after_a_good_status(demo: Shop) -> None:
    demo.admin.inject("demo", FaultKind.CUT_IN_BODY, count=1)
    with demo.http.stream("GET", PATH) as response:
        assert response.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
            response.read()
    assert demo.get(PATH).status_code == 200
    assert demo.admin.counters("demo").requests[PATH] == {"cut": 1, "200": 1}


def test_truncated_json_comes_with_a_good_status_and_length(demo: Shop) -> None:
    demo.admin.inject("demo", FaultKind.TRUNCATED_JSON, count=1)
    response = demo.get(PATH)
    assert response.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        response.json()


def test_html_comes_instead_of_json(demo: Shop) -> None:
    demo.admin.inject("demo", FaultKind.HTML, count=1)
    response = demo.get(PATH)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    assert response.text.startswith("<!DOCTYPE html>")


def test_latency_delays_and_leaves_other_faults_their_turn(demo: Shop) -> None:
    demo.admin.inject("demo", FaultKind.LATENCY, seconds=0.15)
    demo.admin.inject("demo", FaultKind.UNAVAILABLE, count=1)
    begun = time.monotonic()
    assert demo.get(PATH).status_code == 503
    assert time.monotonic() - begun >= 0.15
    with pytest.raises(httpx.ReadTimeout):
        demo.http.get(PATH, timeout=0.05)


def test_a_wrong_token_fault_is_a_401(demo: Shop) -> None:
    demo.admin.inject("demo", FaultKind.WRONG_TOKEN, count=1)
    assert [demo.get(PATH).status_code for _ in range(2)] == [401, 200]


@pytest.mark.parametrize("path", [PATH, "/v3/catalog/trees/categories", "/v3/catalog/brands", "/v3/content/pages"])
def test_empty_and_short_lists_look_complete(demo: Shop, path: str) -> None:
    whole = demo.data(path, limit=250)
    demo.admin.inject("demo", FaultKind.EMPTY_LIST, count=1)
    assert (demo.get(path).json()["data"], demo.total(path)) == ([], len(whole))
    demo.admin.inject("demo", FaultKind.SHORT_LIST, items=5)
    short = demo.get(path, limit=250).json()
    assert short["data"] == whole[:5]
    assert short["meta"]["pagination"]["total"] == 5
    assert "next" not in short["meta"]["pagination"]["links"]


def test_a_short_list_is_short_for_a_keyset_walk_too(small: Shop) -> None:
    small.admin.inject("small", FaultKind.SHORT_LIST, items=120)
    assert len(small.data(PATH, id__greater=0, limit=100)) == 100
    assert [p["id"] for p in small.data(PATH, id__greater=100, limit=100)] == list(range(101, 121))
    assert small.data(PATH, id__greater=120, limit=100) == []
    assert [p["id"] for p in small.data(PATH, id__in="3,500")] == [3]


def test_an_empty_v2_list_is_204(demo: Shop) -> None:
    demo.admin.inject("demo", FaultKind.EMPTY_LIST, path="/v2/*")
    assert demo.get("/v2/blog/posts").status_code == 204


def test_faults_strike_their_path_only_after_and_as_often_as_told(demo: Shop) -> None:
    demo.admin.inject("demo", FaultKind.SERVER_ERROR, path="/v3/catalog/brands", after=2, count=2)
    assert [demo.get(PATH).status_code for _ in range(3)] == [200] * 3
    assert [demo.get("/v3/catalog/brands").status_code for _ in range(6)] == [200, 200, 500, 500, 200, 200]
    [fault] = demo.admin.faults("demo")
    assert (fault.matched, fault.applied) == (4, 2)


def test_the_first_injected_fault_wins_and_clearing_ends_it(demo: Shop) -> None:
    first = demo.admin.inject("demo", FaultKind.UNAVAILABLE)
    demo.admin.inject("demo", FaultKind.SERVER_ERROR)
    assert demo.get(PATH).status_code == 503
    demo.admin.clear_faults("demo", first.id)
    assert demo.get(PATH).status_code == 500
    demo.admin.clear_faults("demo")
    assert demo.get(PATH).status_code == 200


def test_probable_faults_repeat_with_their_seed(demo: Shop) -> None:
    def run(seed: int) -> list[int]:
        demo.admin.clear_faults("demo")
        demo.admin.inject("demo", FaultKind.SERVER_ERROR, path=PATH, probability=0.3, seed=seed)
        return [demo.get(PATH, limit=1).status_code for _ in range(60)]

    first = run(1)
    assert 5 < first.count(500) < 35
    assert run(1) == first
    assert run(2) != first
