"""The process that serves a model with llama.cpp: `python -m proposer.models.llama_process`.

Arguments: file, threads, slots, tokens of context. It writes its address to standard output, and
ends when its standard input does.
"""

from __future__ import annotations

import sys
from pathlib import Path

import xllamacpp

__all__: list[str] = []


def main(path: str, threads: str, slots: str, context: str) -> None:
    """Serves until nobody is there."""
    parameters = xllamacpp.CommonParams()
    parameters.model.path = path
    parameters.model_alias = {Path(path).stem}
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = int(threads)
    parameters.n_parallel = int(slots)
    parameters.n_ctx = int(slots) * int(context)
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.n_gpu_layers = 0
    parameters.warmup = False
    server = xllamacpp.Server(parameters)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
