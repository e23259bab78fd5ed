#!/usr/bin/env bash
# Generates the committed stubs from proto/ with a pinned toolchain of its own.
#
# The toolchain is old on purpose: gencode of protobuf 5.29 and grpcio 1.71 imports on every later
# release of both, gencode of the newest imports on nothing older. mypy-protobuf lives in a second
# environment because its own runtime is newer than that protoc's.
#
# Usage: scripts/generate_stubs.sh [DESTINATION]     (the repository root by default)
# Exit code 3: the toolchain can't be installed, since pip has no wheels of it for this Python.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
destination=$(mkdir -p "${1:-$root}" && cd "${1:-$root}" && pwd)
tools="$root/.cache/stub-toolchain"

if [ ! -e "$tools/complete" ]; then
  python=${PYTHON:-python3}
  rm -rf "$tools"
  "$python" -m venv "$tools/protoc"
  "$python" -m venv "$tools/mypy"
  for toolchain in protoc:"grpcio-tools==1.71.2 setuptools<81" mypy:"mypy-protobuf==5.1.0"; do
    read -ra packages <<<"${toolchain#*:}"
    if ! "$tools/${toolchain%%:*}/bin/pip" install --quiet --only-binary=:all: "${packages[@]}"; then
      echo "No wheels of ${packages[*]} for $("$python" --version): use Python 3.11, 3.12 or 3.13." >&2
      exit 3
    fi
  done
  touch "$tools/complete"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$root"
protoc() {
  "$tools/protoc/bin/python" -W ignore -m grpc_tools.protoc -I proto -I third_party \
    --plugin="protoc-gen-mypy=$tools/mypy/bin/protoc-gen-mypy" \
    --plugin="protoc-gen-mypy_grpc=$tools/mypy/bin/protoc-gen-mypy_grpc" "$@"
}
protoc --python_out="$work" --mypy_out=quiet:"$work" --grpc_python_out="$work" \
  --mypy_grpc_out=quiet:"$work" proto/verifier_service/v1/*.proto
protoc --python_out="$work" --mypy_out=quiet:"$work" third_party/google/rpc/*.proto

# google.rpc comes from googleapis-common-protos where that is installed, else from our own copy:
# `verifier_service.google_rpc` chooses, so that a client needs grpcio and protobuf only.
find "$work/verifier_service" -name '*_pb2*.py*' -exec sed -i \
  -e 's/^from google\.rpc import/from verifier_service.google_rpc import/' \
  -e 's/^import google\.rpc\./import verifier_service.google_rpc./' {} +

rm -f "$work"/verifier_service/v1/{problem,verdict}_pb2_grpc.py*
mkdir -p "$destination/verifier_service/v1" "$destination/verifier_service/google_rpc/vendored"
cp "$work"/verifier_service/v1/*_pb2*.py* "$destination/verifier_service/v1/"
cp "$work"/google/rpc/*_pb2.py* "$destination/verifier_service/google_rpc/vendored/"
