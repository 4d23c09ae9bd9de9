"""What the model has been told and has answered so far. A conversation only grows; growing gives a new one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from workers.agent.types import ToolCall, ToolResult
from workers.llm.types import Block, Message, Reply

MAX_LABEL_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Conversation:
    """The system prompt and the messages, as the next call of the model is given them."""

    system: str
    messages: tuple[Message, ...]

    def after(self, reply: Reply, answer: Sequence[Block]) -> Conversation:
        """With a reply and what it is answered; a reply that is to be continued has no answer."""
        said = [block for block in reply.blocks if not _is_blank(block)]
        grown: list[Message] = [*self.messages]
        if said:
            grown.append({"role": "assistant", "content": said})
        if answer:
            grown.append({"role": "user", "content": list(answer)})
        return replace(self, messages=tuple(grown))


def calls_of(reply: Reply, *, step: int, job: str) -> list[ToolCall]:
    """The calls that a reply asks for, in their order, without their labels."""
    asked = [block for block in reply.blocks if block.get("type") == "tool_use"]
    return [
        ToolCall(
            block["id"], block["name"], _without_label(block.get("input")), step, job, label_of(block) or ""
        )
        for block in asked
    ]


def label_of(block: Block) -> str | None:
    """What the model says that a call is for, in a few words."""
    given = block.get("input")
    label = given.get("_label") if isinstance(given, dict) else None
    return label[:MAX_LABEL_CHARACTERS] if isinstance(label, str) and label else None


def text_of(reply: Reply) -> str:
    """The words of a reply."""
    return "\n\n".join(block["text"] for block in reply.blocks if block.get("type") == "text")


def told(words: str) -> list[Block]:
    """Something that the run itself says to the model."""
    return [{"type": "text", "text": words}]


def result_block(call: ToolCall, result: ToolResult) -> Block:
    """A result as the model reads it."""
    block: Block = {"type": "tool_result", "tool_use_id": call.id, "content": result.content}
    return block if result.ok else {**block, "is_error": True}


def _without_label(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        return {}
    return {name: value for name, value in given.items() if name != "_label"}


def _is_blank(block: Block) -> bool:
    return block.get("type") == "text" and not block.get("text", "").strip()
