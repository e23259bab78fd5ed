"""vLLM in this process: `AsyncLLM`, without a server in between.

Needs the `vllm` extra, best in an environment of its own: vLLM pins much. Written against vLLM
0.32 (`vllm/v1/engine/async_llm.py`). A server (`vllm serve`, `OpenAIModel`) isolates better, and is
the way to several machines; this one saves its overhead on one.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from proposer.models.model import (
    Chat,
    Completion,
    FinishReason,
    ModelRefused,
    ModelUnreachable,
    Prices,
    Request,
    Token,
    Usage,
)

__all__ = ["VllmModel"]


class VllmModel:
    """An engine of vLLM's, which decodes all requests together."""

    def __init__(
        self, model: str, *, prices: Prices | None = None, **engine_arguments: Any
    ) -> None:
        """Loads the model; that takes a while.

        Args:
            model: Folder, or name on a hub.
            prices: Of tokens.
            engine_arguments: Of `vllm.AsyncEngineArgs`: `max_model_len=4096`, …

        Raises:
            ModelUnreachable: vLLM is not installed.
        """
        try:
            from vllm import AsyncEngineArgs
            from vllm.v1.engine.async_llm import AsyncLLM
        except ModuleNotFoundError as error:
            raise ModelUnreachable(
                f"{error.name} is not installed. Install vLLM with "
                '`pip install "neurosymbolic-verifier[vllm]"`, or start a server elsewhere.'
            ) from error
        self._name = model
        self._prices = prices or Prices()
        self._engine = AsyncLLM.from_engine_args(AsyncEngineArgs(model=model, **engine_arguments))
        self._numbers = itertools.count()

    @property
    def name(self) -> str:
        """The model's."""
        return self._name

    async def complete(self, request: Request) -> Completion:
        """One completion; see `Model`."""
        from vllm.exceptions import VLLMClientError

        prompt = self._prompt(request)
        number = f"proposer-{next(self._numbers)}"
        final = None
        try:
            async for output in self._engine.generate(prompt, _parameters(request), number):
                final = output
        except (ValueError, VLLMClientError) as error:  # it can never take it
            raise ModelRefused(f"vLLM refuses the request: {error}") from error
        except asyncio.CancelledError:
            await self._engine.abort(number)
            raise
        except Exception as error:
            raise ModelUnreachable(f"vLLM's engine failed: {error!r}.") from error
        if final is None:
            raise ModelUnreachable("vLLM's engine ended the request without an answer.")
        return self._completion(request, final)

    async def close(self) -> None:
        """Ends the engine."""
        await asyncio.to_thread(self._engine.shutdown)

    def _prompt(self, request: Request) -> dict[str, Any]:
        tokenizer = self._engine.get_tokenizer()
        prompt = request.prompt
        if not isinstance(prompt, Chat):
            return {"prompt_token_ids": tokenizer.encode(prompt.text)}
        turns = [{"role": one.role, "content": one.content} for one in prompt.messages]
        begun = bool(prompt.opening)
        if begun:
            turns.append({"role": "assistant", "content": prompt.opening})
        ids = tokenizer.apply_chat_template(
            turns,
            add_generation_prompt=not begun,
            continue_final_message=begun,
            tokenize=True,
            return_dict=False,
        )
        return {"prompt_token_ids": list(ids)}

    def _completion(self, request: Request, final: Any) -> Completion:
        (said,) = final.outputs
        prompt = request.prompt
        usage = Usage(
            prompt_tokens=len(final.prompt_token_ids or ()),
            cached_tokens=final.num_cached_tokens or 0,
            completion_tokens=len(said.token_ids),
        )
        finished = said.finish_reason
        return Completion(
            text=(prompt.opening if isinstance(prompt, Chat) else "") + said.text,
            finish_reason=FinishReason(finished)
            if finished in ("stop", "length")
            else FinishReason.OTHER,
            usage=usage,
            tokens=tuple(
                Token(text=place[one].decoded_token or "", logprob=place[one].logprob)
                for one, place in zip(said.token_ids, said.logprobs or (), strict=False)
            ),
            model=self._name,
            cost=self._prices.cost(usage),
        )


def _parameters(request: Request) -> Any:
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    sampling, prompt = request.sampling, request.prompt
    closing = [prompt.closing] if isinstance(prompt, Chat) and prompt.opening else []
    return SamplingParams(
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        max_tokens=sampling.max_tokens,
        stop=[one for one in (*sampling.stop, *closing) if one] or None,
        seed=request.seed,
        logprobs=0 if sampling.logprobs else None,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )
