"""Call a model as a run does, and record what it reports."""

from __future__ import annotations

import asyncio
from typing import Any, Final, Generic, TypeVar

from workers.llm.retry_policy import RetryPolicy
from workers.llm.types import Message, Model, Prompt, Reply, Retry, ToolSpec

M = TypeVar("M", bound=Model)

KEY: Final = "sk-good"
"""The only key that the servers accept."""
QUICK: Final = RetryPolicy(attempts=3, first_wait_s=0.001, max_backoff_s=0.002)
LIST: Final = ToolSpec("list", "Lists files.", {"type": "object", "properties": {}})
ASK: Final[list[Message]] = [
    {"role": "user", "content": [{"type": "text", "text": "Which files are there?"}]}
]


class ModelCall(Generic[M]):
    """A model and its reported deltas and retries."""

    def __init__(self, model: M) -> None:
        self.model = model
        self.deltas: list[str] = []
        self.has_received_text = asyncio.Event()
        self.retries: list[Retry] = []

    async def ask(self, messages: list[Message] = ASK, **more: Any) -> Reply:
        """Return the reply to the messages."""
        given = {"system": "Be brief.", "tools": [LIST], "max_tokens": 500, **more}
        return await self.model.reply(Prompt(messages=messages, **given), self._on_text, self.retries.append)

    async def ask_again(self, reply: Reply, *results: dict[str, Any]) -> Reply:
        """Send the reply back with the results of its calls."""
        answered = list(results) or [
            {"type": "tool_result", "tool_use_id": block["id"], "content": "a.txt"}
            for block in reply.blocks
            if block["type"] == "tool_use"
        ]
        assistant: Message = {"role": "assistant", "content": list(reply.blocks)}
        return await self.ask([*ASK, assistant, {"role": "user", "content": answered}])

    def _on_text(self, text: str) -> None:
        self.deltas.append(text)
        self.has_received_text.set()
