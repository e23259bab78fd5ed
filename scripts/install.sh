#!/usr/bin/env bash
# Makes .venv and installs the project into it: editable, with the service and the tools of `make`.
#
# Takes the Python that $PYTHON names, else the first of these that is 3.11 or later and can make
# virtual environments. A .venv whose Python still works is kept and brought up to date.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  printf 'make install: %s\n' "$1" >&2
  exit 1
}

is_recent() {
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

can_make_environments() {
  "$1" -c 'import ensurepip, venv' 2>/dev/null
}

find_python() {
  local name recent=""
  for name in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    is_recent "$name" || continue
    recent=${recent:-$name}
    if can_make_environments "$name"; then
      echo "$name"
      return
    fi
  done
  if [ -n "$recent" ]; then
    fail "$recent can't make virtual environments. On Debian or Ubuntu: apt install python3-venv"
  elif [ -n "${PYTHON:-}" ]; then
    fail "$PYTHON is no Python 3.11 or later. Name one that is: make install PYTHON=python3.12"
  fi
  fail "No Python 3.11 or later was found. On Debian or Ubuntu: apt install python3 python3-venv"
}

if ! is_recent .venv/bin/python; then
  python=$(find_python)
  echo "Making .venv with $("$python" --version)."
  "$python" -m venv --clear .venv
fi
echo "Installing the project and its tools into .venv; this takes a minute."
# Dependency groups need pip 25.1 or later.
.venv/bin/python -m pip install --quiet --upgrade "pip>=25.1"
.venv/bin/python -m pip install --quiet --editable ".[server,estimation]" --group dev
.venv/bin/python -m pip install --quiet --editable ".[lean]" ||
  echo "The Lean of lean4-core can't be installed here, so no proofs are judged by it." >&2
echo "Installed. The command is .venv/bin/verifier."
