"""`webhooks`: registered, listed and removed from the command line, with what is refused in one line."""

from __future__ import annotations

from sync_pipeline.pipelines.store_search.events.hooks import desired
from sync_pipeline.sandboxes.bigcommerce.testing import SandboxServer
from sync_pipeline_tests.commands import Commands

URL = "http://127.0.0.1:9"
SCOPES = desired([1])


def test_webhooks_are_registered_listed_and_removed(commands: Commands, store: str, sandbox: SandboxServer):
    place = f"{URL}/webhooks/bigcommerce/{store}"
    assert commands("webhooks", "list", "--store", store).out == f"store {store} has no webhooks\n"
    unknown = commands("webhooks", "register", "--store", store)
    assert "has no address yet: give --url" in unknown.failed_in_one_line(2)
    planned = commands("webhooks", "register", "--store", store, "--url", URL, "--dry-run")
    assert planned.out == f"dry run: webhooks of store {store}: {len(SCOPES)} created ({place})\n"
    done = commands("webhooks", "register", "--store", store, "--url", URL, "--json")
    assert (done.status, done.json()["created"], done.json()["destination"]) == (0, SCOPES, place)
    there = list(sandbox.sandbox.stores[store].hooks.by_id.values())
    listed = commands("webhooks", "list", "--store", store, "--json")
    assert listed.json() == [
        {"id": hook.id, "is_active": True, "scope": hook.scope, "destination": place} for hook in there
    ]
    assert (there[0].headers or {})["X-Sync-Secret"] not in listed.out + done.out + done.error
    there[0].is_active = False
    again = commands("webhooks", "register", "--store", store)
    assert again.out == f"webhooks of store {store}: 1 repaired, {len(SCOPES) - 1} unchanged ({place})\n"
    removed = commands("webhooks", "remove", "--store", store)
    assert removed.out == f"webhooks of store {store}: {len(SCOPES)} removed ({place})\n"
    assert "has no webhooks registered" in commands("webhooks", "remove", "--store", store).failed_in_one_line(2)


def test_a_url_that_bigcommerce_would_not_send_to_is_refused(commands: Commands, store: str):
    refused = commands("webhooks", "register", "--store", store, "--url", "http://hooks.example.com")
    assert "BigCommerce sends to https on port 443 only" in refused.failed_in_one_line(2)
    assert "store nope is unknown" in commands("webhooks", "list", "--store", "nope").failed_in_one_line(2)
