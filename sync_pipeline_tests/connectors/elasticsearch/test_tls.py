"""Certificates of the search cluster: trusted when a file says so, and otherwise one line that says how."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline.connectors.elasticsearch.indices import StoreIndices
from sync_pipeline.connectors.elasticsearch.tls import CertificatesError
from sync_pipeline.errors import Retry, ServiceUnavailableError
from sync_pipeline_tests.connectors.elasticsearch.certificates import own_certificate, serving
from sync_pipeline_tests.connectors.elasticsearch.stub_server import Answer, StubServer, running_stub_server

INFO = {"cluster_name": "shop", "version": {"number": "9.4.3", "build_flavor": "default"}}


async def refused(cluster: SearchCluster) -> str:
    async with cluster:
        with pytest.raises(ServiceUnavailableError) as refusal:
            await cluster.check()
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


async def test_certificate_of_its_own_is_trusted_when_a_file_names_it(tmp_path: Path):
    file = own_certificate(tmp_path)
    with running_stub_server(serving(file)) as stub:
        stub.answer(Answer(body=INFO))
        async with SearchCluster(url=stub.url, ca_certs=file) as cluster:
            assert (await cluster.check()).version == "9.4.3"
        line = await refused(SearchCluster(url=stub.url))
    assert "is not trusted (self-signed certificate): set ELASTICSEARCH_CA_CERTS to a PEM file" in line
    assert "http_ca.crt" in line


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ({"host": "search.example.com"}, "must name the host as the certificate does"),
        ({"until": timedelta(days=-1)}, "certificate has expired): it has to be renewed"),
    ],
)
async def test_certificate_that_is_no_good_is_told_apart(tmp_path: Path, made: dict[str, Any], reason: str):
    file = own_certificate(tmp_path, **made)
    with running_stub_server(serving(file)) as stub:
        stub.answer(Answer(body=INFO))
        assert reason in await refused(SearchCluster(url=stub.url, ca_certs=file))


async def test_certificate_that_is_not_trusted_is_not_tried_again(tmp_path: Path):
    with running_stub_server(serving(own_certificate(tmp_path))) as stub:
        stub.answer(Answer(body={"count": 7, "_shards": {"failed": 0}}))
        async with SearchCluster(url=stub.url) as cluster:
            with pytest.raises(ServiceUnavailableError, match="is not trusted"):
                await StoreIndices(cluster, "x").count("store-x")
        assert stub.connections == 1


async def test_server_without_tls_is_told(stub: StubServer):
    assert "does not speak TLS" in await refused(SearchCluster(url=stub.url.replace("http:", "https:")))


async def test_server_with_tls_is_told(tmp_path: Path):
    with running_stub_server(serving(own_certificate(tmp_path))) as stub:
        line = await refused(SearchCluster(url=stub.url.replace("https:", "http:")))
    assert "if it speaks TLS, ELASTICSEARCH_URL must begin with https://" in line


async def test_file_that_holds_another_certificate_is_told(tmp_path: Path):
    (tmp_path / "another").mkdir()
    with running_stub_server(serving(own_certificate(tmp_path))) as stub:
        line = await refused(SearchCluster(url=stub.url, ca_certs=own_certificate(tmp_path / "another")))
    assert "if it is set, its file holds another" in line


def test_file_of_certificates_that_cannot_be_used_is_named(tmp_path: Path):
    (tmp_path / "text.pem").write_text("no certificate\n")
    for name, reason in {
        "absent.pem": "No such file",
        "text.pem": "holds no certificate",
        ".": "Is a directory",
    }.items():
        with pytest.raises(CertificatesError, match=reason) as refusal:
            SearchCluster(url="https://127.0.0.1:9", ca_certs=tmp_path / name)
        assert str(refusal.value).startswith("ELASTICSEARCH_CA_CERTS: ")
        assert (refusal.value.exit_status, refusal.value.retry) == (2, Retry.PERSON)


@pytest.mark.parametrize("end", ["", "/", "/search", "/search/"])
async def test_address_may_end_in_a_slash_and_have_a_path(stub: StubServer, end: str):
    stub.answer(Answer(body=INFO))
    async with SearchCluster(url=f"{stub.url}{end}") as cluster:
        await cluster.check()
    assert stub.requests[0].path.rstrip("/") == end.rstrip("/")


@pytest.mark.parametrize(("url", "port"), [("https://search.example.com/", 443), ("http://user:pw@h.example/x", 80)])
async def test_address_without_a_port_means_that_of_its_scheme(url: str, port: int):
    async with SearchCluster(url=url) as cluster:
        assert cluster.client.transport.node_pool.get().config.port == port
