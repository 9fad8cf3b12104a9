"""The client's own decisions, on answers that no server need give. What a store answers is in test_faults."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import msgspec
import pytest

from sync_pipeline.connectors.bigcommerce import client as client_module
from sync_pipeline.connectors.bigcommerce import errors
from sync_pipeline.connectors.bigcommerce.request import PageRequest, PageSize, Request
from sync_pipeline.connectors.bigcommerce.scopes import Scope
from sync_pipeline.errors import UsageError, one_line
from sync_pipeline_tests.clocks import ManualClock
from sync_pipeline_tests.connectors.bigcommerce.support import Versions, new_client

TOKEN = "s3cr3t-t0k3n"
OK = (200, b'{"data": []}')


class Answers(httpx.AsyncBaseTransport):
    """Gives ``answers`` one after the other, the last one for ever: a status with a body, or an error to raise."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer[0], content=answer[1], headers=dict(*answer[2:]))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def ask(clock: ManualClock) -> Callable[..., Any]:
    async def ask(transport: httpx.AsyncBaseTransport, request: Request[Any] | None = None) -> Any:
        request = request or Request("/v3/things", Scope.PRODUCTS, msgspec.json.decode)
        options = {"token": TOKEN, "transport": transport}
        async with new_client(clock, base_url="https://api.example.com/", store_hash="abc", **options) as client:
            return await client.get(request)

    return ask


async def test_a_request_says_who_asks_and_what_for(ask):
    transport = Answers(OK)

    await ask(transport, Request("/v3/things", Scope.PRODUCTS, msgspec.json.decode, {"id:in": "1,2", "q": "a b&c"}))

    request = transport.requests[0]
    assert str(request.url) == "https://api.example.com/stores/abc/v3/things?id:in=1,2&q=a+b%26c"
    assert request.headers["x-auth-token"] == TOKEN
    assert request.headers["accept"] == "application/json"
    assert request.headers["user-agent"].startswith("sync-pipeline/")
    assert request.extensions["timeout"] == {"connect": 10.0, "read": 60.0, "write": 60.0, "pool": 60.0}


CUT = httpx.ReadError("")
TIMED_OUT = httpx.ReadTimeout("")
UNREACHABLE = httpx.ConnectError("All connection attempts failed")


@pytest.mark.invariant("4.1", "4.5", "6.2", "6.5")
@pytest.mark.parametrize(
    ("answer", "attempts", "error"),
    [
        ((500, b"oops"), 6, errors.StoreUnavailableError),
        ((502, b""), 6, errors.StoreUnavailableError),
        ((504, b""), 6, errors.StoreUnavailableError),
        ((408, b""), 6, errors.StoreUnavailableError),
        ((503, b"<html>Back soon</html>"), 3, errors.StoreUnavailableError),
        (CUT, 6, errors.UnreachableError),
        (TIMED_OUT, 6, errors.UnreachableError),
        (UNREACHABLE, 6, errors.UnreachableError),
        ((200, b'{"data": [1, 2'), 6, errors.BadAnswerError),
        ((200, b"<!DOCTYPE html>"), 6, errors.BadAnswerError),
        ((200, b'"\xff"'), 6, errors.BadAnswerError),
        ((200, b"{}", {"content-encoding": "gzip"}), 6, errors.BadAnswerError),
        ((200, b""), 6, errors.BadAnswerError),
        ((302, b"", {"location": "https://elsewhere.example.com/"}), 1, errors.BadAnswerError),
        ((401, b'{"status":401,"title":"Unauthorized"}'), 1, errors.UnauthorizedError),
        ((403, b""), 1, errors.MissingScopeError),
        ((404, b""), 1, errors.NotFoundError),
        ((400, b""), 1, errors.RefusedError),
        ((422, b'{"status":422,"title":"no such filter"}'), 1, errors.RefusedError),
    ],
)
async def test_what_may_pass_is_tried_again_and_what_cannot_is_final(ask, clock, answer, attempts, error):
    transport = Answers(answer)

    with pytest.raises(error) as raised:
        await ask(transport)

    assert len(transport.requests) == attempts
    assert clock.slept == [2.0, 4.0, 8.0, 16.0, 32.0][: attempts - 1]
    assert str(raised.value).startswith("BigCommerce store abc: GET /v3/things ")
    assert one_line(raised.value) == str(raised.value), "one line, and not cut"


def test_only_a_service_that_cannot_be_reached_or_cannot_serve_has_exit_status_3():
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    own = {error for error in classes if issubclass(error, errors.BigCommerceError)}

    assert {error for error in own if error.exit_status == 3} == {
        errors.StoreUnavailableError,
        errors.UnreachableError,
        errors.RateLimitedError,
    }
    assert len({error.kind for error in own}) == len(own)


@pytest.mark.parametrize("answer", [(500, b""), (503, b""), (429, b""), CUT, TIMED_OUT, (200, b"{"), (200, b"<html>")])
async def test_what_passes_leaves_no_trace(ask, answer):
    assert await ask(Answers(answer, answer, OK)) == {"data": []}


@pytest.mark.invariant("6.2", "6.3")
async def test_refusals_for_the_quota_do_not_count_as_attempts(ask, clock):
    headers = {"x-rate-limit-requests-left": "0", "x-rate-limit-time-reset-ms": "15000"}
    transport = Answers(*[(429, b"", headers)] * 20, (500, b""), *[(429, b"", headers)] * 15, (500, b""), OK)

    assert await ask(transport) == {"data": []}
    assert len(transport.requests) == 38
    assert sum(clock.slept) == pytest.approx(35 * 15 + 2 + 4)


@pytest.mark.invariant("6.3")
async def test_the_services_own_waiting_time_is_kept(ask, clock):
    await ask(Answers((503, b"", {"retry-after": "90"}), OK))

    assert clock.slept == [90.0]


async def test_a_waiting_time_of_hours_is_an_error_at_once(ask, clock):
    with pytest.raises(errors.StoreUnavailableError):
        await ask(Answers((503, b"", {"retry-after": "7200"})))

    assert clock.slept == []


async def test_a_redirect_is_not_followed(ask):
    transport = Answers((307, b"", {"location": "https://elsewhere.example.com/"}))

    with pytest.raises(errors.BadAnswerError, match="redirect"):
        await ask(transport)

    assert [request.url.host for request in transport.requests] == ["api.example.com"]


@pytest.mark.invariant("7.7")
@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503, 200])
async def test_the_token_is_in_no_message_even_when_the_answer_repeats_it(ask, status):
    transport = Answers((status, f"<p>X-Auth-Token: {TOKEN}</p>".encode()))

    with pytest.raises(errors.BigCommerceError) as raised:
        await ask(transport)

    error: BaseException | None = raised.value
    while error is not None:
        assert TOKEN not in str(error)
        assert TOKEN not in repr(error)
        error = error.__cause__ or error.__context__


async def test_an_answer_is_quoted_in_part_and_on_one_line(ask):
    with pytest.raises(errors.RefusedError) as raised:
        await ask(Answers((400, b"line\n" * 1000)))

    assert str(raised.value).removeprefix("BigCommerce store abc: GET /v3/things answered 400: ") == ("line " * 40)


async def test_the_missing_scope_is_named(ask):
    with pytest.raises(errors.MissingScopeError, match="store_v2_products_read_only") as raised:
        await ask(Answers((403, b"")))

    assert raised.value.scope == Scope.PRODUCTS


@pytest.mark.invariant("7.7")
@pytest.mark.parametrize("token", ["", "with space", "line\nbreak", "ümlaut", "x" * 1000])
def test_a_token_that_cannot_be_one_is_refused_without_being_shown(clock, token):
    with pytest.raises(UsageError) as raised:
        new_client(clock, base_url="https://api.example.com", store_hash="abc", token=token)

    assert token not in str(raised.value) or not token


@pytest.mark.parametrize("store_hash", ["", "a/../b", "stores/abc", "ab c", "x?y", "x" * 65])
def test_a_store_hash_cannot_lead_elsewhere(clock, store_hash):
    with pytest.raises(UsageError):
        new_client(clock, base_url="https://api.example.com", store_hash=store_hash, token=TOKEN)


def page_request(size: PageSize, versions: Versions, seen: list[int]) -> PageRequest[Any]:
    def query(limit: int) -> dict[str, int]:
        seen.append(limit)
        return {"limit": limit}

    return PageRequest("/v3/things", Scope.PRODUCTS, msgspec.json.decode, query=query, size=size, next_version=versions)


@pytest.mark.invariant("2.4")
async def test_each_attempt_draws_its_own_version_after_all_waiting_and_before_it_is_sent(ask, clock, monkeypatch):
    events: list[str] = []

    class Transport(Answers):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            events.append("send")
            return await super().handle_async_request(request)

    class NotedVersions(Versions):
        async def __call__(self) -> int:
            events.append("draw")
            return await super().__call__()

    monkeypatch.setattr(clock, "pause", lambda seconds: (events.append("wait"), clock.advance(seconds)))
    request = page_request(PageSize(), NotedVersions(), [])

    await ask(Transport((502, b""), (429, b""), CUT, OK), request)

    assert events == ["draw", "send", "wait", "draw", "send", "wait", "draw", "send", "wait", "draw", "send"]
    assert request.version == 4


async def test_too_much_is_asked_for_again_in_smaller_pages(ask):
    limits: list[int] = []

    with pytest.raises(errors.StoreUnavailableError):
        await ask(Answers((500, b""), (504, b""), TIMED_OUT, (500, b"")), page_request(PageSize(), Versions(), limits))

    assert limits == [250, 125, 62, 31, 15, 10]


@pytest.mark.parametrize("answer", [(502, b""), (429, b""), CUT, (200, b"{")])
async def test_other_troubles_do_not_shrink_pages(ask, answer):
    limits: list[int] = []

    await ask(Answers(answer, OK), page_request(PageSize(), Versions(), limits))

    assert limits == [250, 250]


async def test_a_body_without_end_is_given_up_and_asked_for_in_smaller_pages(ask, monkeypatch):
    monkeypatch.setattr(client_module, "LARGEST_BODY_BYTES", 100_000)
    limits: list[int] = []
    given = 0

    class Endless(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            nonlocal given
            while True:
                given += 1
                yield b"x" * 10_000

    class Transport(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, stream=Endless())

    with pytest.raises(errors.BadAnswerError, match="more than 0 MB"):
        await ask(Transport(), page_request(PageSize(), Versions(), limits))

    assert limits == [250, 125, 62, 31, 15, 10]
    assert given <= 6 * 11


def test_a_volley_of_failures_halves_the_page_once_and_it_grows_again():
    size = PageSize()
    for _ in range(6):
        size.shrink(250)
    assert size.limit == 125

    grown = []
    for _ in range(8):
        size.succeeded()
        grown.append(size.limit)

    assert grown == [125, 125, 125, 250, 250, 250, 250, 250]


def test_the_services_own_page_size_is_kept():
    size = PageSize()

    for _ in range(10):
        size.succeeded(served=50)

    assert size.limit == 50
