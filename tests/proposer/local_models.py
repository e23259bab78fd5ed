"""Models that a machine may have, and how tests skip where it has not."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from proposer.models.local_models import ModelMissing, find_model

__all__ = ["local_model", "vllm_model", "vllm_python"]


def local_model(name: str) -> Path:
    """The file of a small model; skips where it, or llama.cpp, is missing."""
    pytest.importorskip("xllamacpp", reason="llama.cpp is not installed: pip install xllamacpp")
    try:
        return find_model(name)
    except ModelMissing as error:
        pytest.skip(str(error))


def vllm_python() -> str:
    """An interpreter that has vLLM: $VERIFIER_VLLM_PYTHON; skips where there is none."""
    python = os.environ.get("VERIFIER_VLLM_PYTHON", "")
    if not python:
        pytest.skip("VERIFIER_VLLM_PYTHON names no interpreter with vLLM: docs/proposer.md")
    if not Path(python).is_file():
        sys.exit(f"VERIFIER_VLLM_PYTHON: {python} is not there.")
    return python


def vllm_model() -> str:
    """The folder of a small model in Hugging Face's layout: $VERIFIER_VLLM_MODEL."""
    folder = os.environ.get("VERIFIER_VLLM_MODEL", "")
    if not folder:
        pytest.skip("VERIFIER_VLLM_MODEL names no folder with a model: docs/proposer.md")
    return folder
