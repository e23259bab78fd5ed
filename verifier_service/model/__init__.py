"""The words of the service as plain data: problems, candidates, verdicts, errors.

Needs nothing but the standard library.
"""

from __future__ import annotations

from verifier_service.model.capabilities import *  # noqa: F403
from verifier_service.model.errors import *  # noqa: F403
from verifier_service.model.executor import *  # noqa: F403
from verifier_service.model.problem import *  # noqa: F403
from verifier_service.model.verdict import *  # noqa: F403
from verifier_service.model.verification import *  # noqa: F403
