"""What answers at the address, told in one line when it cannot be used."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.connectors.elasticsearch.failures import SearchClusterError
from sync_pipeline.connectors.elasticsearch.health import cluster_health
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.connectors.elasticsearch.privileges import missing_privileges
from sync_pipeline.connectors.elasticsearch.reading import count, get, scan
from sync_pipeline.connectors.elasticsearch.reindex import reindex
from sync_pipeline.connectors.elasticsearch.synonyms import SynonymsSet
from sync_pipeline.errors import ServiceUnavailableError
from sync_pipeline_tests.connectors.elasticsearch.stores import new_index
from sync_pipeline_tests.connectors.elasticsearch.stub_server import Answer, StubServer

INFO = {"cluster_name": "shop", "version": {"number": "9.4.3", "build_flavor": "default"}}


async def refused(cluster: SearchCluster) -> str:
    with pytest.raises(ServiceUnavailableError) as refusal:
        await cluster.check()
    assert refusal.value.exit_status == 3
    message = str(refusal.value)
    assert "\n" not in message
    assert cluster.host in message
    return message


@pytest.mark.real_elasticsearch
async def test_a_usable_cluster_is_described(cluster: SearchCluster) -> None:
    info = await cluster.check()
    assert tuple(map(int, info.version.split(".")[:2])) >= (8, 15)
    assert info.name
    assert info.distribution == "default"


@pytest.mark.invariant("7.7")
async def test_an_address_without_a_server_is_named_with_its_port_but_not_its_password(unused_port: int) -> None:
    async with SearchCluster(url=f"http://elastic:hunter2@127.0.0.1:{unused_port}") as cluster:
        message = await refused(cluster)
    assert f"127.0.0.1:{unused_port}" in message
    assert "hunter2" not in message


@pytest.mark.invariant("7.7")
@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_is_told_without_the_key(stub: StubServer, status: int) -> None:
    error = {"type": "security_exception", "reason": "unable to authenticate"}
    stub.answer(Answer(status, {"error": {**error, "root_cause": [error]}, "status": status}))
    async with SearchCluster(url=stub.url, api_key="c2VjcmV0LWtleQ==") as cluster:
        message = await refused(cluster)
    assert f"answered {status}: security_exception: unable to authenticate" in message
    assert ("ELASTICSEARCH_API_KEY must be" in message) == (status == 401)
    assert "c2VjcmV0" not in message
    assert stub.requests[0].headers["authorization"] == "ApiKey c2VjcmV0LWtleQ=="


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=INFO, product=False),
        Answer(body=b"<html>welcome</html>", headers={"Content-Type": "text/html"}, product=False),
        Answer(404, {"detail": "no such page"}, product=False),
        Answer(body={"version": "latest"}),
        Answer(body={"version": {"number": "banana"}}),
        Answer(body=b""),
    ],
    ids=["no product header", "a page", "another API", "no version", "odd version", "nothing"],
)
async def test_another_service_is_not_taken_for_elasticsearch(
    stub: StubServer, stub_cluster: SearchCluster, answer: Answer
) -> None:
    stub.answer(answer)
    await refused(stub_cluster)


async def test_an_old_version_is_refused(stub: StubServer, stub_cluster: SearchCluster) -> None:
    stub.answer(Answer(body={**INFO, "version": {"number": "8.14.3"}}))
    assert "is 8.14.3: 8.15 or newer is needed" in await refused(stub_cluster)
    stub.answer(Answer(body={**INFO, "version": {"number": "10.0.1-SNAPSHOT"}}))
    assert (await stub_cluster.check()).version == "10.0.1-SNAPSHOT"


async def test_a_server_that_does_not_know_the_clients_api_version_is_told_to_be_too_old(
    stub: StubServer, stub_cluster: SearchCluster
) -> None:
    error = {"type": "media_type_header_exception", "reason": "Invalid media-type value on headers [Accept]"}
    stub.answer(Answer(400, {"error": {**error, "root_cause": [error]}, "status": 400}))
    assert "9.0 or newer is needed" in await refused(stub_cluster)


@pytest.mark.parametrize("answer", [Answer(429), Answer(503), Answer(hang=True), Answer(cut=True)], ids=repr)
async def test_a_busy_or_silent_cluster_is_unavailable_and_asked_once(
    stub: StubServer, stub_cluster: SearchCluster, answer: Answer
) -> None:
    stub.answer(answer)
    await refused(stub_cluster)
    assert len(stub.requests) == 1


@pytest.mark.invariant("6.2")
async def test_reads_are_tried_again(stub: StubServer, stub_cluster: SearchCluster) -> None:
    stub.answer(Answer(503), Answer(cut=True), Answer(body={"count": 7, "_shards": {"failed": 0}}))
    assert await StoreIndices(stub_cluster, "x").count("store-x") == 7


@pytest.mark.real_elasticsearch
async def test_a_call_that_elasticsearch_refuses_is_told_with_its_own_reason(cluster: SearchCluster) -> None:
    with pytest.raises(SearchClusterError) as refusal, cluster.errors("asking for something odd"):
        await cluster.client.search(index="_all", query={"no_such_query": {}})
    assert refusal.value.status == 400
    assert str(refusal.value).startswith(f"asking for something odd: Elasticsearch at {cluster.host} answered 400: ")
    assert "no_such_query" in str(refusal.value)


@pytest.mark.real_elasticsearch
async def test_health_names_the_indices_that_take_no_writes(indices: StoreIndices) -> None:
    name = await new_index(indices)
    pattern = f"{indices.alias}-*"
    before = await cluster_health(indices.cluster, indices=pattern)
    assert before.status in {"green", "yellow", "red"}
    assert before.read_only == []
    assert before.disk_free is not None
    assert 0 < before.disk_free < 1
    await indices.cluster.client.indices.put_settings(
        index=name, settings={"index.blocks.read_only_allow_delete": True}
    )
    assert (await cluster_health(indices.cluster, indices=pattern)).read_only == [name]


@pytest.mark.real_elasticsearch
async def test_cluster_without_security_has_no_rights_to_lack(cluster: SearchCluster) -> None:
    assert await missing_privileges(cluster) is None


async def test_rights_that_a_key_lacks_are_named(stub: StubServer, stub_cluster: SearchCluster) -> None:
    held = {"cluster": {"monitor": True, "manage_search_synonyms": False}}
    stub.answer(Answer(body={**held, "index": {"store-*": {"read": True, "write": False, "manage": True}}}))
    assert await missing_privileges(stub_cluster) == ["manage_search_synonyms on the cluster", "write on store-*"]
    stub.answer(Answer(403, {"error": {"type": "security_exception", "reason": "no"}, "status": 403}))
    with pytest.raises(ServiceUnavailableError, match="asking what the key may do"):
        await missing_privileges(stub_cluster)


READINGS: dict[str, Callable[[SearchCluster], Awaitable[object]]] = {
    "health": cluster_health,
    "privileges": missing_privileges,
    "count": lambda cluster: count(cluster, "store-x"),
    "get": lambda cluster: get(cluster, "store-x", ["a"]),
    "scan": lambda cluster: anext(scan(cluster, "store-x")),
    "alias": lambda cluster: StoreIndices(cluster, "x").behind_store(),
    "list": lambda cluster: StoreIndices(cluster, "x").list(),
    "synonyms": lambda cluster: SynonymsSet(cluster, "store-x").get(),
    "put synonyms": lambda cluster: SynonymsSet(cluster, "store-x").put(["phone, mobile"]),
    "reindex": lambda cluster: reindex(cluster, source="store-x", destination="store-y"),
}


@pytest.mark.parametrize("reading", READINGS)
async def test_answers_that_are_none_of_elasticsearch_are_told(
    stub: StubServer, stub_cluster: SearchCluster, reading: str
) -> None:
    answers: list[Any] = [{"store-y": 1}, {"_shards": 1}, {"docs": 1}, [1]]
    told = 0
    for body in answers:
        stub.answer(Answer(body=body))
        try:
            await READINGS[reading](stub_cluster)
        except ServiceUnavailableError as refusal:
            assert f"at {stub_cluster.host} does not answer as Elasticsearch does" in str(refusal)  # noqa: PT017
            told += 1
        except SearchClusterError:
            assert reading == "reindex"
    assert told


def test_the_client_is_not_imported_before_a_cluster_is_built() -> None:
    program = """
import importlib, pkgutil, sys
import sync_pipeline.connectors.elasticsearch as package
for module in pkgutil.iter_modules(package.__path__):
    if module.name != "patience":  # the client's own transport: imported with it
        importlib.import_module(f"{package.__name__}.{module.name}")
assert not {"elasticsearch", "elastic_transport", "aiohttp"} & set(sys.modules)
from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
SearchCluster(url="http://127.0.0.1:9")
assert "elasticsearch" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
