"""A search cluster as it is installed by default: HTTPS with a certificate of its own, and a key with the least rights.

`ELASTICSEARCH_SECURE_URL`, `ELASTICSEARCH_SECURE_CA_CERTS` and `ELASTICSEARCH_SECURE_ADMIN` (user:password of somebody
who may make keys) name it; `.ci/run` starts one.
"""

from __future__ import annotations

import base64
import json
import os
import re
import ssl
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sync_pipeline.connectors.elasticsearch import privileges
from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster
from sync_pipeline_tests.commands import Commands

URL, CA_CERTS, ADMIN = (os.environ.get(f"ELASTICSEARCH_SECURE_{name}") for name in ("URL", "CA_CERTS", "ADMIN"))

pytestmark = pytest.mark.skipif(not (URL and CA_CERTS and ADMIN), reason="no ELASTICSEARCH_SECURE_URL")


def rights_in_readme(project: Path) -> dict[str, Any]:
    """The request with which README has a key made."""
    [body] = re.findall(r"_security/api_key\" -d '(\{.*?\})'", (project / "README.md").read_text(), re.DOTALL)
    return json.loads(body)["role_descriptors"]["sync_pipeline"]


def key_with(rights: Mapping[str, Any]) -> str:
    """A new key with these rights and no others, as Elasticsearch encodes it."""
    asked = urllib.request.Request(
        f"{URL}/_security/api_key",
        data=json.dumps({"name": "tests", "role_descriptors": {"sync_pipeline": rights}}).encode(),
        headers={
            "content-type": "application/json",
            "authorization": "Basic " + base64.b64encode((ADMIN or "").encode()).decode(),
        },
    )
    with urllib.request.urlopen(asked, timeout=30, context=ssl.create_default_context(cafile=CA_CERTS)) as answer:
        return json.load(answer)["encoded"]


@pytest.fixture
def commands(commands: Commands, project: Path) -> Commands:
    """The command line with a key that README describes, on the secured cluster."""
    variables = {
        "ELASTICSEARCH_URL": f"{URL}/",
        "ELASTICSEARCH_CA_CERTS": str(CA_CERTS),
        "ELASTICSEARCH_API_KEY": key_with(rights_in_readme(project)),
    }
    return replace(commands, variables={**commands.variables, **variables})


def found(commands: Commands, store: str, *words: str) -> list[str]:
    return [hit["_source"].get("name", "") for hit in commands("search", "--store", store, "--json", *words).json()]


def test_store_batches_words_and_search_with_the_least_rights(commands: Commands, store: str, sandbox):
    def runs(*words: str) -> dict[str, Any]:
        answer = commands("sync", "run", "--store", store, *words, "--json")
        assert answer.status == 0, answer
        return answer.json()

    health = {one["what"]: one for one in commands("health", "--json").json()}
    assert health["search key"] == {**health["search key"], "ok": True, "detail": "may do all that is needed"}
    assert health["search cluster"]["ok"], health["search cluster"]

    runs("--type", "all")
    sandbox.admin.update(store, "products", 101, {"name": "Zebra Sofa"})
    assert runs("--mode", "incremental")["counts"]["products"]["written"] == 1
    runs("--mode", "selective", "--type", "product", "--ids", "101,102")
    assert "Zebra Sofa" in found(commands, store, "zebra")

    assert not found(commands, store, "telly")
    assert commands("synonyms", "add", "--store", store, "telly => television").status == 0
    runs("--type", "synonyms")
    assert found(commands, store, "telly")
    assert commands("stop-words", "add", "--store", store, "zebra").status == 0
    runs("--type", "stop-words")
    runs("--type", "all")

    assert commands("verify", "--store", store).status == 0
    assert commands("verify", "--store", store, "--repair").status == 0
    assert commands("suggest", "--store", store, "so").status == 0
    assert commands("search", "--store", store, "--facets", "sofa").status == 0
    assert commands("explain", "product-101", "--store", store).status == 0
    assert commands("saved-queries", "add", "sofa", "--store", store, "--expect", "product-101").status == 0
    assert commands("saved-queries", "run", "--store", store).status == 0
    assert commands("sync", "run", "--store", store, "--dry-run").status == 0
    assert commands("stores", "remove", store, "--delete-indices").status == 0


def without(rights: Mapping[str, Any], lacking: str) -> dict[str, Any]:
    """The same rights but for one."""

    def rest(names: Sequence[str]) -> list[str]:
        return [name for name in names if name != lacking]

    indices = [{**one, "privileges": rest(one["privileges"])} for one in rights["indices"]]
    return {"cluster": rest(rights["cluster"]), "indices": indices}


async def test_each_right_that_a_key_lacks_is_named(commands: Commands, project: Path):
    rights = rights_in_readme(project)
    assert (tuple(rights["cluster"]), tuple(rights["indices"][0]["privileges"])) == (
        privileges.CLUSTER,
        privileges.INDICES,
    )
    for lacking in (*privileges.CLUSTER, *privileges.INDICES):
        key = key_with(without(rights, lacking))
        async with SearchCluster(url=URL or "", ca_certs=Path(CA_CERTS or ""), api_key=key) as cluster:
            [named] = await privileges.missing_privileges(cluster) or []
        assert named.startswith(f"{lacking} on ")
    lines = commands("health", ELASTICSEARCH_API_KEY=key_with(without(rights, "manage_search_synonyms"))).out
    assert "the key or user lacks manage_search_synonyms on the cluster: give it these rights" in lines


def test_cluster_that_is_not_trusted_is_told_with_what_to_do(commands: Commands, store: str):
    variables = {**commands.variables, "ELASTICSEARCH_CA_CERTS": ""}
    line = replace(commands, variables=variables)("search", "--store", store, "sofa").failed_in_one_line(3)
    assert "has a certificate that is not trusted" in line
    assert "set ELASTICSEARCH_CA_CERTS" in line
