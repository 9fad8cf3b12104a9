from __future__ import annotations

from sync_pipeline.sandboxes.bigcommerce.testing import SandboxServer
from sync_pipeline_tests.sandboxes.bigcommerce.conftest import Shop


def limits(shop: Shop) -> tuple[int, dict[str, int]]:
    response = shop.get("/v2/time")
    names = {"window": "Time-Window-Ms", "reset": "Time-Reset-Ms", "quota": "Requests-Quota", "left": "Requests-Left"}
    return response.status_code, {
        short: int(response.headers[f"X-Rate-Limit-{name}"])
        for short, name in names.items()
        if f"X-Rate-Limit-{name}" in response.headers
    }


def test_a_new_store_has_the_standard_quota(server: SandboxServer) -> None:
    view = server.admin.open_demo("fresh")
    assert (view.quota, view.window) == (150, 30.0)


def test_every_answer_tells_the_window_and_what_is_left(demo: Shop) -> None:
    demo.admin.configure("demo", quota=5, window=30)
    assert limits(demo) == (200, {"window": 30_000, "reset": 30_000, "quota": 5, "left": 4})
    demo.admin.advance_clock(10)
    assert limits(demo) == (200, {"window": 30_000, "reset": 20_000, "quota": 5, "left": 3})
    for path in ("/v3/catalog/products/9999999", "/v3/content/pages?nonsense=1"):
        assert "X-Rate-Limit-Requests-Left" in demo.get(path).headers


def test_beyond_the_quota_all_is_429_until_the_window_ends(demo: Shop) -> None:
    demo.admin.configure("demo", quota=2, window=30)
    assert [limits(demo)[0] for _ in range(4)] == [200, 200, 429, 429]
    demo.admin.advance_clock(12.5)
    refused = demo.get("/v3/catalog/products")
    assert refused.status_code == 429
    assert refused.headers["X-Retry-After"] == "18"
    assert refused.headers["X-Rate-Limit-Requests-Left"] == "0"
    assert refused.json()["status"] == 429
    demo.admin.advance_clock(17.5)
    assert limits(demo) == (200, {"window": 30_000, "reset": 30_000, "quota": 2, "left": 1})


def test_other_apps_use_up_the_same_quota(demo: Shop) -> None:
    demo.admin.configure("demo", quota=10, window=30)
    demo.admin.use_quota("demo", 9)
    assert limits(demo)[1]["left"] == 0
    assert limits(demo)[0] == 429


def test_an_overloaded_platform_refuses_without_headers(demo: Shop) -> None:
    demo.admin.configure("demo", quota=1, bare_429=True)
    assert limits(demo)[0] == 200
    refused = demo.get("/v2/time")
    assert refused.status_code == 429
    assert not [name for name in refused.headers if name.lower().startswith(("x-rate", "x-retry"))]


def test_counters_tell_the_busiest_window_and_the_refusals(demo: Shop) -> None:
    demo.admin.configure("demo", quota=3, window=30)
    for count in (2, 5, 1):
        for _ in range(count):
            demo.get("/v3/catalog/products/101")
        demo.admin.advance_clock(30)
    counters = demo.admin.counters("demo")
    assert counters.requests == {"/v3/catalog/products/{id}": {"200": 6, "429": 2}}
    assert (counters.busiest_window, counters.rate_limited, counters.total()) == (5, 2, 8)
    demo.admin.reset_counters("demo")
    demo.get("/v2/time")
    counters = demo.admin.counters("demo")
    assert counters.requests == {"/v2/time": {"200": 1}}
    assert (counters.busiest_window, counters.rate_limited) == (1, 0)
