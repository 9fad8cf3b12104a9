"""deploy/Dockerfile, as far as it can be tried without Docker: what it copies is there, what it starts can start."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sync_pipeline.settings import Settings

INSTRUCTIONS = {"FROM", "WORKDIR", "COPY", "RUN", "USER", "ENV", "EXPOSE", "CMD"}


@pytest.fixture(scope="module")
def instructions(project: Path) -> list[tuple[str, str]]:
    """Each instruction with what follows it, continued lines joined."""
    text = (project / "deploy" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def test_dockerfile_copies_what_the_project_has(project: Path, instructions: list[tuple[str, str]]):
    assert {name for name, _ in instructions} == INSTRUCTIONS
    copied = [words.split()[:-1] for name, words in instructions if name == "COPY" and not words.startswith("--from")]
    assert copied
    let_in = (project / "deploy" / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    for source in (one for sources in copied for one in sources):
        assert (project / source).exists(), source
        assert f"!{source}" in let_in


def test_dockerfile_starts_the_code_server_and_sets_known_variables(instructions: list[tuple[str, str]]):
    [command] = [json.loads(words) for name, words in instructions if name == "CMD"]
    assert command[:5] == ["dagster", "api", "grpc", "--module-name", "sync_pipeline.definitions"]
    variables = {words.partition("=")[0].lower() for name, words in instructions if name == "ENV"}
    assert variables <= set(Settings.model_fields)
