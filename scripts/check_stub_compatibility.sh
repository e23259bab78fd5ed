#!/usr/bin/env bash
# Imports the client and the stubs beside the oldest releases that they promise to work with, some
# in between, and the newest, each in a throw-away environment that holds nothing else.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

try() {
  local place="$work/$1"
  shift
  "$python" -m venv --without-pip "$place"
  if ! "$python" -m pip --python "$place/bin/python" install --quiet --only-binary=:all: \
    --disable-pip-version-check "$@"; then
    echo "Skipped: $* can't be installed here." >&2
    return
  fi
  (cd "$work" && PYTHONPATH="$root" PYTHONDONTWRITEBYTECODE=1 "$place/bin/python" -W error - "$*") <<'END'
import sys
from importlib.metadata import version

import clients
from verifier_service.google_rpc import error_details_pb2, status_pb2
from verifier_service.v1 import problem_pb2, verdict_pb2, verifier_pb2, verifier_pb2_grpc

spec = verifier_pb2.VerificationSpec(candidate=problem_pb2.Candidate(source="pass"))
assert verifier_pb2.VerificationSpec.FromString(spec.SerializeToString()) == spec
assert verdict_pb2.OUTCOME_ACCEPTED and verifier_pb2_grpc.VerifierServiceStub
assert error_details_pb2.ErrorInfo() and status_pb2.Status() and clients.Verifier
print(f"Client and stubs work with protobuf {version('protobuf')}, grpcio {version('grpcio')}.")
END
}

try oldest protobuf==5.29.6 grpcio==1.71.2
try middle protobuf==6.33.5 grpcio==1.76.0
try newest protobuf grpcio
