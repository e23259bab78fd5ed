"""Worker images: the root folder of a container whose first process is the zygote.

    python -m sandboxes.isolation.docker_image pack FILE [--label LABEL] [REQUIREMENT …]
    python -m sandboxes.isolation.docker_image import NAME [--label LABEL] [REQUIREMENT …]

An image holds what a jail of bubblewrap's holds, and nothing else: the interpreter that runs this,
its standard library, the shared libraries that they need, packages that are installed beside it,
and our sources for jails. `docker/worker.Dockerfile` packs in a base image; `import` makes an image
of this very machine's Python, where no base image can be fetched.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from sandboxes.isolation.interpreter import Interpreter
from sandboxes.isolation.jailed.container import DESCRIPTION, ROOT
from sandboxes.isolation.packages import UnusablePackages

if TYPE_CHECKING:
    from docker import DockerClient

__all__ = ["SETTINGS", "import_image", "pack"]

_PYTHON: Final = f"{ROOT}/python"
SETTINGS: Final = (
    "ENV PYTHONHASHSEED=0 PYTHONUTF8=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1",
    f"ENV PYTHONPATH={ROOT}:{ROOT}/packages",
    f"ENTRYPOINT {json.dumps([_PYTHON, '-s', '-S', '-P', '-B'])}",
)
"""How a worker starts, as at the end of `docker/worker.Dockerfile`."""
_FOLDERS: Final = {"tmp": 0o1777, "proc": 0, "sys": 0, "dev": 0o755, "run/verifier": 0o755}


def pack(interpreter: Interpreter, archive: IO[bytes]) -> None:
    """Writes the root folder as a tar archive."""
    sandboxes = Path(__file__).resolve().parents[1]
    sources = sorted(sandboxes.glob("*/jailed"))
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for folder, mode in _FOLDERS.items():
            _add(tar, folder, mode, tarfile.DIRTYPE)
        _add(tar, DESCRIPTION, 0o644, tarfile.REGTYPE, content=_description(interpreter))
        _add(tar, _PYTHON, 0o777, tarfile.SYMTYPE, target=interpreter.command[0])
        for outside, inside in (
            *((path, path) for path in interpreter.files),
            *interpreter.packages,
            *((path, Path(ROOT, *path.parts[-3:])) for path in sources),
        ):
            _copy(tar, outside, inside, hidden=interpreter.hidden)


def import_image(engine: DockerClient, interpreter: Interpreter, name: str) -> str:
    """Makes an image of an interpreter with its packages; returns the image's id.

    Raises:
        docker.errors.DockerException: The engine does not answer, or refuses it.
    """
    repository, _, tag = name.partition(":")
    with tempfile.NamedTemporaryFile() as archive:
        pack(interpreter, archive)
        archive.flush()
        said = engine.api.import_image_from_file(
            archive.name, repository=repository, tag=tag or "latest", changes=list(SETTINGS)
        )
    return str(json.loads(said.splitlines()[-1])["status"])


def _description(interpreter: Interpreter) -> bytes:
    """What `jailed/container.py` tells of the image."""
    return json.dumps(
        {
            "name": interpreter.name,
            "tools": interpreter.tools,
            "preload": interpreter.preload,
            "runs_pytest": interpreter.runs_pytest,
        }
    ).encode()


def _add(
    tar: tarfile.TarFile,
    path: str,
    mode: int,
    kind: bytes,
    *,
    content: bytes = b"",
    target: str = "",
) -> None:
    member = tarfile.TarInfo(path.lstrip("/"))
    member.mode, member.type, member.size, member.linkname = mode, kind, len(content), target
    tar.addfile(member, io.BytesIO(content))


def _copy(tar: tarfile.TarFile, outside: Path, inside: Path, *, hidden: Sequence[Path]) -> None:
    left_out = {str(path).lstrip("/") for path in hidden}

    def wanted(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if member.name in left_out:
            return None
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    tar.add(outside.resolve(), arcname=str(inside), filter=wanted)


def main() -> int:
    """Packs or imports; returns an exit code."""
    parser = argparse.ArgumentParser(description="Makes worker images.")
    parser.add_argument("action", choices=("pack", "import"))
    parser.add_argument("target", help="a file to write, or the image's name")
    parser.add_argument("requirements", nargs="*", help="installed packages: `numpy>=2`")
    parser.add_argument("--label", default="", help="`numpy` makes python3.11-numpy")
    asked = parser.parse_intermixed_args()
    try:
        interpreter = Interpreter.running(asked.label, asked.requirements)
    except UnusablePackages as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command's answer
        return 2
    if asked.action == "pack":
        with Path(asked.target).open("wb") as archive:
            pack(interpreter, archive)
        return 0
    import docker

    with contextlib.closing(docker.from_env()) as engine:
        image = import_image(engine, interpreter, asked.target)
    print(f"{asked.target} is {image}.")  # noqa: T201 - a command's answer
    return 0


if __name__ == "__main__":
    sys.exit(main())
