"""No answer and no log line of the API holds a secret; signatures are looked at and never enforced."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest
from standardwebhooks import Webhook
from structlog.testing import capture_logs

from sync_pipeline.api.bigcommerce.signatures import SignatureWatch
from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.secrets import parse_keys
from sync_pipeline.pipelines.store_search.stores.stores import Stores
from sync_pipeline_tests.api.bigcommerce.senders import SECRET, payload
from sync_pipeline_tests.api.conftest import KEY, STORE, running
from sync_pipeline_tests.commands import Commands

CLIENT_SECRET = "the-client-secret"


def signed(body: bytes, key: str = CLIENT_SECRET) -> dict[str, str]:
    """The headers of a body signed with a client secret, now."""
    when = datetime.now(UTC)
    signature = Webhook(key.encode()).sign("msg_1", when, body.decode())
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(when.timestamp())),
        "webhook-signature": signature,
    }


@pytest.mark.invariant("7.5", "7.8")
def test_no_answer_and_no_log_line_holds_a_secret(commands: Commands, ledger: Ledger):
    Stores(ledger, parse_keys(KEY)).save(
        STORE, name="Shop", token="the-token", webhook_secret=SECRET, client_secret=CLIENT_SECRET
    )
    path = f"/webhooks/bigcommerce/{STORE}"
    right, wrong = {"X-Sync-Secret": SECRET}, {"X-Sync-Secret": "sent-secret-of-somebody"}
    plain = {SECRET, CLIENT_SECRET, "the-token", "sent-secret", KEY.partition(":")[2]}
    log_file = commands.folder / "api.log"
    with (
        running(commands, SYNC_PIPELINE_LOG_FILE=str(log_file), LOG_LEVEL="DEBUG") as (process, url),
        httpx.Client(base_url=url, timeout=30) as client,
    ):
        answers = [
            client.post(path, content=payload(STORE), headers=right),
            client.post(path, content=payload(STORE), headers=wrong),
            client.post(f"{path}?secret=sent-secret-in-the-path", content=payload(STORE), headers=wrong),
            client.post("/webhooks/bigcommerce/sent-secret-as-a-store", headers=right),
            client.post(path, content=b'"sent-secret in a body that is no event"', headers=right),
            client.post(path, content=b"sent-secret in a body that is no JSON", headers=right),
            client.post(path, content=payload(STORE, scope="store/product/sent-secret", data={}), headers=right),
            client.post(path, content=payload("sent-secret-producer"), headers=right),
            client.post(path, content=b"sent-secret" * 10_000, headers=right),
            client.post(path, content=payload(STORE), headers={**right, "Content-Encoding": "sent-secret"}),
            client.post(path, content=payload(STORE), headers={**right, **signed(payload(STORE), "sent-secret")}),
            client.get("/sent-secret"),
            client.get("/health/live"),
            client.get("/health/ready"),
            client.get("/openapi.json"),
        ]
        process.terminate()
        said = process.stdout.read()
    assert {answer.status_code for answer in answers} == {200, 400, 401, 404, 413, 415, 422}
    log = log_file.read_text()
    assert "signature=wrong" in log and "signature=missing" in log
    for text in (log, said, *(f"{answer.headers}{answer.text}" for answer in answers)):
        assert not [secret for secret in plain if secret in text]


@pytest.mark.parametrize(
    ("changed", "counted"),
    [
        ({}, None),
        ({"webhook-id": "msg_2"}, "wrong"),
        ({"webhook-timestamp": "1561479233"}, "wrong"),
        ({"webhook-timestamp": "nan"}, "wrong"),
        ({"webhook-signature": "no comma"}, "wrong"),
        ({"webhook-signature": "v1,\u00e9"}, "wrong"),
        (signed(payload(STORE), "another secret"), "wrong"),
        (signed(payload(STORE, 2)), "wrong"),
        ({"webhook-signature": None}, "missing"),
    ],
)
def test_a_missing_or_wrong_signature_is_counted(changed: dict[str, str | None], counted: str | None):
    watch = SignatureWatch()
    headers = {**signed(payload(STORE)), **changed}
    sent = {name: value for name, value in headers.items() if value is not None}
    watch.look(STORE, CLIENT_SECRET.encode(), payload(STORE), sent)
    assert dict(watch.counts) == ({(STORE, counted): 1} if counted else {})


def test_wrong_signatures_do_not_flood_the_log():
    watch = SignatureWatch()
    with capture_logs() as logged:
        for _ in range(1000):
            watch.look(STORE, CLIENT_SECRET.encode(), payload(STORE), {})
    assert [line["count"] for line in logged] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]


def test_an_event_with_a_wrong_signature_is_taken(receiver: httpx.Client, store: str):
    headers = {"X-Sync-Secret": SECRET, **signed(payload(store), "another")}
    assert receiver.post(f"/webhooks/bigcommerce/{store}", content=payload(store), headers=headers).status_code == 200
