"""From requests to the model, with all that is wrong with a request in one error."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from verifier_service import validation, wire
from verifier_service.model import (
    CallOptions,
    Capabilities,
    InvalidSpec,
    VerificationSpec,
    Violation,
)
from verifier_service.v1 import verifier_pb2

__all__ = ["RequestReader"]


@dataclass(frozen=True, slots=True)
class RequestReader:
    """Reads specs and options; knows the server's limits, so as to name every violation."""

    capabilities: Capabilities

    def spec(self, spec: verifier_pb2.VerificationSpec) -> VerificationSpec:
        """One spec.

        Raises:
            InvalidSpec: The message says no spec. Its fields are named as in a request:
                `spec.candidate.source`.
        """
        try:
            return wire.spec_from_proto(
                spec,
                maximum_limits=self.capabilities.maximum_limits,
                maximum_candidate_bytes=self.capabilities.maximum_candidate_bytes,
            )
        except InvalidSpec as error:
            raise InvalidSpec.of(_in_request(error.violations)) from None

    def request(
        self,
        spec: verifier_pb2.VerificationSpec,
        options: verifier_pb2.CallOptions,
        *,
        request_id: str = "",
    ) -> tuple[VerificationSpec, CallOptions]:
        """A spec with its options.

        Raises:
            InvalidSpec: One of them can't be read; names what is wrong with either.
        """
        violations: list[Violation] = validation.check_request_id(request_id)
        made_spec, made_options = None, None
        try:
            made_spec = self.spec(spec)
        except InvalidSpec as error:
            violations += error.violations
        try:
            made_options = wire.options_from_proto(options)
        except InvalidSpec as error:
            violations += error.violations
        if made_spec is not None and made_options is not None and not violations:
            return made_spec, made_options
        raise InvalidSpec.of(violations + self._remaining(made_spec, made_options))

    def _remaining(
        self, spec: VerificationSpec | None, options: CallOptions | None
    ) -> list[Violation]:
        """What is wrong with the part that could be read."""
        found = [] if options is None else validation.check_options(options)
        if spec is not None:
            found += _in_request(
                validation.check_spec(
                    spec,
                    maximum_limits=self.capabilities.maximum_limits,
                    maximum_candidate_bytes=self.capabilities.maximum_candidate_bytes,
                )
            )
        return found


def _in_request(violations: Iterable[Violation]) -> list[Violation]:
    return [Violation(f"spec.{one.field}", one.description) for one in violations]
