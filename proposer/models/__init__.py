"""Where completions come from: servers, engines in this process, scripts and recordings."""

from __future__ import annotations

from proposer.models.model import (
    BrokenAnswer,
    Chat,
    Completion,
    FinishReason,
    Message,
    Model,
    ModelBusy,
    ModelError,
    ModelRefused,
    ModelUnreachable,
    NotRecorded,
    Prices,
    Prompt,
    Request,
    Sampling,
    Text,
    Token,
    Usage,
    sample,
)

__all__ = [
    "BrokenAnswer",
    "Chat",
    "Completion",
    "FinishReason",
    "Message",
    "Model",
    "ModelBusy",
    "ModelError",
    "ModelRefused",
    "ModelUnreachable",
    "NotRecorded",
    "Prices",
    "Prompt",
    "Request",
    "Sampling",
    "Text",
    "Token",
    "Usage",
    "sample",
]
