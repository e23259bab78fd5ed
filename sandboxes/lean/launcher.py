"""`lean`, from a folder with its shared library: `python launcher.py FOLDER ARGUMENT...`.

All arguments are Lean's own (`--json`, `-o`, `--server`). A script of its own: it imports nothing
but the standard library, so that it runs with `python -I -S`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

LIBRARIES = ("libInit_shared.so", "libleanshared_1.so", "libleanshared_2.so", "libleanshared.so")
"""In the order in which they need each other."""


def main(folder: str, arguments: list[str]) -> int:
    """Runs Lean in this process, and gives its exit code."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for name in LIBRARIES:
        library = ctypes.CDLL(str(Path(folder) / name), mode=ctypes.RTLD_GLOBAL)
    words = [b"lean", *map(os.fsencode, arguments)]
    library.lean_main.restype = ctypes.c_int
    vector = (ctypes.c_char_p * (len(words) + 1))(*words, None)
    code = int(library.lean_main(len(words), vector))
    ctypes.CDLL(None).fflush(None)  # what Lean has put into C's own streams
    return code


if __name__ == "__main__":
    os._exit(main(sys.argv[1], sys.argv[2:]) & 255)  # Python's finalisers have nothing to do
