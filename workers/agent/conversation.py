"""Represent the conversation with the model. It is immutable: adding messages returns a new one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from workers.agent.types import ToolCall, ToolResult
from workers.llm.types import Block, Message, Reply

MAX_LABEL_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Conversation:
    """The system prompt and the messages of the next request."""

    system: str
    messages: tuple[Message, ...]

    def after(self, reply: Reply, response: Sequence[Block]) -> Conversation:
        """Return the conversation with a reply and the response to it; a reply to continue has no response."""
        blocks = [block for block in reply.blocks if not _is_blank(block)]
        grown: list[Message] = [*self.messages]
        if blocks:
            grown.append({"role": "assistant", "content": blocks})
        if response:
            grown.append({"role": "user", "content": list(response)})
        return replace(self, messages=tuple(grown))


def calls_of(reply: Reply, *, step: int, job: str) -> list[ToolCall]:
    """Return the tool calls of a reply, in their order, without their labels."""
    return calls_in(reply.blocks, step=step, job=job)


def calls_in(blocks: Iterable[Block], *, step: int, job: str) -> list[ToolCall]:
    """Return the tool calls of the blocks of a reply, in their order, without their labels."""
    return [
        ToolCall(
            block["id"], block["name"], _without_label(block.get("input")), step, job, label_of(block) or ""
        )
        for block in blocks
        if block.get("type") == "tool_use"
    ]


def succeeded_calls(messages: Iterable[Message], *, job: str) -> list[ToolCall]:
    """Return the tool calls of a conversation whose results are no errors, in order."""
    contents = [content for message in messages if isinstance(content := message["content"], list)]
    blocks = [block for content in contents for block in content]
    succeeded = {
        block["tool_use_id"]
        for block in blocks
        if block.get("type") == "tool_result" and not block.get("is_error")
    }
    return [call for call in calls_in(blocks, step=0, job=job) if call.id in succeeded]


def label_of(block: Block) -> str | None:
    """Return the purpose of a call that the model states."""
    arguments = block.get("input")
    label = arguments.get("_label") if isinstance(arguments, dict) else None
    return label[:MAX_LABEL_CHARACTERS] if isinstance(label, str) and label else None


def text_of(reply: Reply) -> str:
    """Return the text of a reply."""
    return "\n\n".join(block["text"] for block in reply.blocks if block.get("type") == "text")


def text_blocks(text: str) -> list[Block]:
    """Return the conversation with a message of the runtime to the model."""
    return [{"type": "text", "text": text}]


def result_block(call: ToolCall, result: ToolResult) -> Block:
    """Return the content block of a tool result."""
    block: Block = {"type": "tool_result", "tool_use_id": call.id, "content": result.content}
    return block if result.ok else {**block, "is_error": True}


def _without_label(arguments: Any) -> dict[str, Any]:
    if not isinstance(arguments, dict):
        return {}
    return {name: value for name, value in arguments.items() if name != "_label"}


def _is_blank(block: Block) -> bool:
    return block.get("type") == "text" and not block.get("text", "").strip()
