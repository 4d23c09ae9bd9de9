"""Build the request of a model call again from the journal of its run.

The journal has each part once: the initial prompt, replies, results, notes, and what was removed before a request. So
a run of many steps needs no copy of its growing conversation, and the request is the one that a resumed run would send.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from backend.execution.journal.service import (
    CLEARED_PLACE,
    NOTE_PLACE,
    OPENING_STEP,
    TEXT_PLACE,
    TOOLS_PLACE,
    Entry,
)

Block = dict[str, Any]
Message = dict[str, Any]
PAUSED: Final = "pause_turn"
"""The stop reason of a reply that the model continues without a message of the runtime."""
TOOLS_UNKNOWN: Final = (
    "The descriptions of the tools are not shown: the job ran on a version that did not store them."
)
TEXT_UNKNOWN: Final = "The message of the runtime after step {step} is not stored."


@dataclass(slots=True)
class ModelRequest:
    """The request of one model call, in the form of the Messages API."""

    system: str
    messages: list[Message]
    tools: list[dict[str, Any]]
    model: str | None
    cache_ttl: str | None
    reply: Entry | None
    """The reply; none if the model has not replied."""
    notes: list[str] = field(default_factory=list)
    """Parts of the request that the journal does not have."""


class _Run:
    """The entries of a journal up to a step."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.places = {(entry.step, entry.place): entry for entry in entries}
        self.last = max((step for step, place in self.places if place == 0), default=OPENING_STEP)

    def results(self, step: int) -> list[Entry]:
        """Return the results of the calls of a step, in their order."""
        found = [one for (at, place), one in self.places.items() if at == step and 0 < place < NOTE_PLACE]
        return sorted((one for one in found if one.kind == "result"), key=lambda one: one.place)

    def text(self, step: int, place: int) -> str:
        """Return the text of a note; empty if there is none."""
        note = self.places.get((step, place))
        return "" if note is None else str(note.content.get("text", ""))


def request_of(entries: Sequence[Entry], step: int) -> ModelRequest | None:
    """Return the request whose reply is that of the step; None if the run has not come to it.

    Args:
        entries: The journal of the run.
        step: Number of the reply. One more than the last reply is the request that has none yet.
    """
    run = _Run(entries)
    opening = run.places.get((OPENING_STEP, 0))
    if opening is None or opening.kind != "opening" or not 1 <= step <= run.last + 1:
        return None
    if step > run.last and not _is_answered(run, run.last):
        return None
    notes: list[str] = []
    messages = [*opening.content["messages"]]
    for earlier in range(1, step):
        messages += _exchange(run, earlier, notes)
    tools = _tools(run, step)
    if tools is None:
        notes.append(TOOLS_UNKNOWN)
    reply = run.places.get((step, 0)) if step <= run.last else None
    pointers = _pointers(run, step)
    return ModelRequest(
        opening.content["system"],
        _compacted(messages, pointers, earlier_messages=len(opening.content["messages"]) - 1),
        tools if tools is not None else [{"name": name} for name in opening.content.get("tools", ())],
        _model(run, step),
        opening.content.get("cache_ttl"),
        reply,
        notes,
    )


def _is_answered(run: _Run, step: int) -> bool:
    """Return whether all calls of a reply have results, so that another request can follow it."""
    reply = run.places.get((step, 0))
    if step == OPENING_STEP or reply is None:
        return True
    calls = [block for block in reply.content["blocks"] if block.get("type") == "tool_use"]
    return len(run.results(step)) >= len(calls)


def _exchange(run: _Run, step: int, notes: list[str]) -> list[Message]:
    """Return the messages of a reply and of the response to it."""
    reply = run.places.get((step, 0))
    if reply is None:
        return []
    blocks = [block for block in reply.content["blocks"] if not _is_blank(block)]
    response: list[Block] = [_result_block(one) for one in run.results(step)]
    is_paused = reply.content.get("stop_reason") == PAUSED
    text = run.text(step, NOTE_PLACE) if response or is_paused else run.text(step, TEXT_PLACE)
    if text:
        response.append({"type": "text", "text": text})
    elif not response and not is_paused:
        notes.append(TEXT_UNKNOWN.format(step=step))
    messages: list[Message] = [{"role": "assistant", "content": blocks}] if blocks else []
    return [*messages, {"role": "user", "content": response}] if response else messages


def _result_block(entry: Entry) -> Block:
    content = entry.content
    block = {"type": "tool_result", "tool_use_id": content["tool_use_id"], "content": content["content"]}
    return block if content["ok"] else {**block, "is_error": True}


def _is_blank(block: Block) -> bool:
    return block.get("type") == "text" and not block.get("text", "").strip()


def _tools(run: _Run, step: int) -> list[dict[str, Any]] | None:
    """Return the descriptions of the tools in the request of a step; None if the journal has none."""
    places = [(OPENING_STEP, 0), *((earlier, TOOLS_PLACE) for earlier in range(step))]
    found = [run.places[place].content.get("tool_specs") for place in places if place in run.places]
    stored: list[list[dict[str, Any]]] = [one for one in found if one is not None]
    return stored[-1] if stored else None


def _model(run: _Run, step: int) -> str | None:
    """Return the model of the reply, otherwise that of the reply before it, or that of the start."""
    for at in range(min(step, run.last), OPENING_STEP - 1, -1):
        model = run.places[at, 0].content.get("model") if (at, 0) in run.places else None
        if model:
            return str(model)
    return None


def _pointers(run: _Run, step: int) -> dict[str, str]:
    """Return the replacements of everything that was removed before the request."""
    pointers: dict[str, str] = {}
    for earlier in range(step):
        for place in (CLEARED_PLACE, CLEARED_PLACE + 1):
            if (earlier, place) in run.places:
                pointers |= run.places[earlier, place].content["cleared"]
    return pointers


def _compacted(
    messages: Sequence[Message], pointers: dict[str, str], *, earlier_messages: int
) -> list[Message]:
    """Return the messages without what was removed from them."""
    if not pointers:
        return list(messages)
    return [
        _shortened(message, pointers.get(f"message-{index}") if index < earlier_messages else None, pointers)
        for index, message in enumerate(messages)
    ]


def _shortened(message: Message, pointer: str | None, pointers: dict[str, str]) -> Message:
    if pointer is not None:
        return {"role": message["role"], "content": [{"type": "text", "text": pointer}]}
    if message["role"] != "user":
        return message
    return {
        **message,
        "content": [
            {**block, "content": pointers[block["tool_use_id"]]}
            if block.get("type") == "tool_result" and block["tool_use_id"] in pointers
            else block
            for block in message["content"]
        ],
    }
