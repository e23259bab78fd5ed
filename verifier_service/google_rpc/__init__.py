"""The messages of `google.rpc` that errors carry.

They come from googleapis-common-protos where that is installed, and from a copy of ours where it
is not. A client so needs grpcio and protobuf only, and the two never register the same file twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verifier_service.google_rpc.vendored import error_details_pb2, status_pb2
else:
    try:
        from google.rpc import error_details_pb2, status_pb2
    except ImportError:
        from verifier_service.google_rpc.vendored import error_details_pb2, status_pb2

__all__ = ["error_details_pb2", "status_pb2"]
