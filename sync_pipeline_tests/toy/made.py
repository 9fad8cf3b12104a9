"""The pipeline of docs/adding-a-pipeline.md, made as the page says: its blocks as files, its line in the registry."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import sync_pipeline.pipelines
from sync_pipeline.pipeline import Pipeline
from sync_pipeline.pipelines import registry

PAGE = Path(__file__).parent.parent.parent / "docs" / "adding-a-pipeline.md"
_BLOCK = re.compile(r"^`pipelines/(?P<file>\S+)`\n\n```python\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL)


def write_toy(folder: Path) -> Path:
    """Writes every block of the page below ``folder``, by which the package of pipelines is extended; returns it."""
    for block in _BLOCK.finditer(PAGE.read_text(encoding="utf-8")):
        file = folder / block["file"]
        file.parent.mkdir(parents=True, exist_ok=True)
        (file.parent / "__init__.py").touch()
        file.write_text(block["code"], encoding="utf-8")
    return folder


def register_toy(folder: Path) -> Pipeline:
    """Adds the pipeline that was written to the registry of this process; returns it."""
    sync_pipeline.pipelines.__path__.append(str(folder))
    toy: Pipeline = importlib.import_module("sync_pipeline.pipelines.toy.pipeline").PIPELINE
    if toy not in registry.PIPELINES:
        registry.PIPELINES = (*registry.PIPELINES, toy)
    return toy
