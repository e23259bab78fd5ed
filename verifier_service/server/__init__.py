"""The gRPC face of the service."""

from __future__ import annotations

from verifier_service.server.engine import VerificationEngine
from verifier_service.server.listening import CannotListen
from verifier_service.server.logs import configure_logging
from verifier_service.server.server import VerifierServer

__all__ = ["CannotListen", "VerificationEngine", "VerifierServer", "configure_logging"]
