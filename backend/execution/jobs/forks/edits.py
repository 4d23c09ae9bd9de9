"""Apply edits to the journal of an agent for a fork."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Final, Self

from pydantic import Field, model_validator

from backend.core.errors import Invalid, Problem
from backend.core.schemas import ClosedSchema, Text
from backend.execution.journal.service import OPENING_STEP, Entry

_SIGNED: Final = frozenset({"thinking", "redacted_thinking"})
_NO_TOKENS: Final = {"input": 0, "output": 0, "cache_write": 0, "cache_read": 0}
_EditText = Annotated[Text, Field(max_length=200_000)]
StepNumber = Annotated[int, Field(ge=0, le=10_000)]
StepId = Annotated[Text, Field(min_length=1, max_length=64)]


class Edit(ClosedSchema):
    """One change.

    It is of a call (`tool_use_id` with `content`, `input` or both), of text (`step` with `text`), or of the result of a
    step of a flow (`step` with `result`).
    """

    tool_use_id: Text | None = Field(default=None, min_length=1, max_length=200)
    """ID of the call, from the event `tool_use`."""
    content: _EditText | None = None
    """The result that the agent receives instead of the recorded one."""
    ok: bool = True
    """False: the agent receives the content as an error."""
    input: dict[str, Any] | None = None
    """New arguments of the call. A call of the last step is made again with them, unless `content` has its result."""
    step: StepNumber | StepId | None = None
    """Number of the reply whose text changes; 0: the first message. Of a flow: ID of the step whose result changes."""
    block: int | None = Field(default=None, ge=0, le=1_000)
    """Index of the block, from 0, if the message has several texts."""
    text: _EditText | None = Field(default=None, min_length=1)
    """The new text."""
    result: Any = None
    """The result that later steps of a flow read instead of the stored one."""

    @model_validator(mode="after")
    def _is_one_change(self) -> Self:
        if self.is_of_flow:
            others = {"tool_use_id", "content", "ok", "input", "block", "text"} & self.model_fields_set
            if others or "result" not in self.model_fields_set:
                raise ValueError(
                    "an edit of a step of a flow is {step, result}, where 'step' is the ID of the step"
                )
            return self
        is_of_call = self.tool_use_id is not None and not (self.content is None and self.input is None)
        is_of_text = self.step is not None and self.text is not None
        other_fields = (self.step, self.block, self.text) if is_of_call else (self.content, self.input)
        if (
            is_of_call == is_of_text
            or any(value is not None for value in other_fields)
            or "result" in self.model_fields_set
        ):
            raise ValueError(
                "an edit is {tool_use_id, content}, {tool_use_id, input}, both combined, or {step, text}, "
                "with a 'block' if the step has several texts; for a step of a flow, it is {step, result} with its ID"
            )
        return self

    @property
    def is_of_flow(self) -> bool:
        """Return whether the edit changes a step of a flow."""
        return isinstance(self.step, str)

    @property
    def target(self) -> tuple[Any, ...]:
        """Return what the edit changes, to detect duplicates."""
        return (self.tool_use_id,) if self.tool_use_id is not None else (self.step, self.block)


@dataclass(slots=True)
class Edited:
    """The edited entries of a journal, and what was changed."""

    entries: list[Entry]
    changes: list[dict[str, Any]] = field(default_factory=list)
    """For the event `forked`: what was changed, without the new values."""

    @property
    def first_step(self) -> int:
        """Return the first changed step: signed thinking is valid only with the unchanged steps before it."""
        return min((int(one["step"]) for one in self.changes), default=max(one.step for one in self.entries))


def apply_edits(entries: Sequence[Entry], edits: Sequence[Edit]) -> Edited:
    """Return the entries with all edits applied.

    Raises:
        Invalid: A step, call or text does not exist, or the text cannot be changed.
    """
    edited = Edited(list(entries))
    last = max(entry.step for entry in entries)
    seen: set[tuple[Any, ...]] = set()
    for index, edit in enumerate(edits):
        if edit.target in seen:
            raise _invalid(index, "Two edits change the same content. Remove one of them.")
        seen.add(edit.target)
        if edit.tool_use_id is None:
            _change_text(edited, index, edit)
        else:
            _change_call(edited, index, edit, last=last)
    return edited


def without_token_counts(entry: Entry) -> Entry:
    """Return a reply without its token counts, which are not valid after edits."""
    if entry.kind != "reply":
        return entry
    return replace(entry, content={**entry.content, "tokens": dict(_NO_TOKENS), "cleared_tokens": 0})


def without_signatures(entry: Entry) -> Entry:
    """Return a reply without signed blocks: only the same model accepts them, after the same conversation."""
    if entry.kind != "reply":
        return entry
    blocks = [block for block in entry.content["blocks"] if block.get("type") not in _SIGNED]
    return replace(entry, content={**entry.content, "blocks": blocks})


def block_types(entries: Sequence[Entry]) -> set[str]:
    """Return the types of all blocks in the entries."""
    types: set[str] = set()
    rest: list[Any] = [entry.content for entry in entries]
    while rest:
        value = rest.pop()
        if isinstance(value, dict):
            types.add(str(value.get("type")))
            rest += [value.get(key) for key in ("messages", "blocks", "content")]
        elif isinstance(value, list):
            rest += value
    return types


def _change_call(edited: Edited, index: int, edit: Edit, *, last: int) -> None:
    position, block_index = _find_call(edited, index, str(edit.tool_use_id))
    reply = edited.entries[position]
    details = {"step": reply.step, "tool_use_id": edit.tool_use_id}
    if edit.input is not None:
        blocks = [
            {**block, "input": edit.input} if block.get("id") == edit.tool_use_id else block
            for block in reply.content["blocks"]
        ]
        edited.entries[position] = replace(reply, content={**reply.content, "blocks": blocks})
        edited.changes.append({"what": "arguments", **details})
    if edit.content is None and reply.step < last:
        return  # later steps depend on the recorded result
    edited.entries = [
        entry for entry in edited.entries if (entry.step, entry.place) != (reply.step, block_index)
    ]
    if edit.content is not None:
        content = {
            "tool_use_id": edit.tool_use_id,
            "content": edit.content,
            "ok": edit.ok,
            "facts": {"edited": True},
        }
        edited.entries.append(Entry(reply.step, block_index, "result", content))
        edited.entries.sort(key=lambda entry: (entry.step, entry.place))
        edited.changes.append({"what": "result", **details})


def _find_call(edited: Edited, index: int, tool_use_id: str) -> tuple[int, int]:
    """Return the index of the entry that requests the call, and the position of the call in its step."""
    for position, entry in enumerate(edited.entries):
        blocks = entry.content["blocks"] if entry.kind == "reply" else ()
        calls = [block.get("id") for block in blocks if block.get("type") == "tool_use"]
        if tool_use_id in calls:
            return position, calls.index(tool_use_id) + 1
    raise _invalid(
        index,
        f"No call up to that step has the ID {tool_use_id!r}. The events `tool_use` of these steps contain "
        "the IDs.",
        "tool_use_id",
    )


def _change_text(edited: Edited, index: int, edit: Edit) -> None:
    kind = "opening" if edit.step == OPENING_STEP else "reply"
    position = next(
        (
            position
            for position, one in enumerate(edited.entries)
            if (one.step, one.kind) == (edit.step, kind)
        ),
        None,
    )
    if position is None:
        raise _invalid(index, f"Step {edit.step} is not copied. Name one up to the step of the fork.", "step")
    entry = edited.entries[position]
    messages = entry.content.get("messages", ())
    blocks = list(messages[-1]["content"] if kind == "opening" else entry.content["blocks"])
    block_index = _text_block(blocks, index, edit)
    blocks[block_index] = {"type": "text", "text": edit.text}
    changed: dict[str, Any] = {"blocks": blocks}
    if kind == "opening":
        changed = {"messages": [*messages[:-1], {**messages[-1], "content": blocks}]}
    edited.entries[position] = replace(entry, content={**entry.content, **changed})
    edited.changes.append({"what": "text", "step": edit.step, "block": block_index})


def _text_block(blocks: Sequence[dict[str, Any]], index: int, edit: Edit) -> int:
    """Return the index of the block that the edit changes."""
    where = "The first message" if edit.step == OPENING_STEP else f"The reply of step {edit.step}"
    kinds = [str(block.get("type")) for block in blocks]
    texts = [block_index for block_index, kind in enumerate(kinds) if kind == "text"]
    if edit.block is None:
        if not texts:
            raise _invalid(
                index, f"{where} has no text: its blocks are {', '.join(kinds) or 'none'}.", "step"
            )
        if len(texts) > 1 and edit.step != OPENING_STEP:
            raise _invalid(
                index,
                f"{where} has several texts. Name one as 'block': {', '.join(map(str, texts))}.",
                "block",
            )
        return texts[0]
    if edit.block in texts:
        return edit.block
    if edit.block >= len(blocks):
        raise _invalid(index, f"{where} has {len(blocks)} blocks, counted from 0.", "block")
    kind = kinds[edit.block]
    if kind in _SIGNED:
        message = (
            f"{where} has thinking at that index, which is signed by the provider and cannot be changed."
        )
    elif kind == "tool_use":
        message = f"{where} has a call at that index. Change it with its 'tool_use_id' and 'input'."
    else:
        message = f"{where} has a block of type {kind!r} at that index. Only texts and calls can be changed."
    raise _invalid(index, message, "block")


def _invalid(index: int, message: str, key: str = "") -> Invalid:
    return Invalid(message, [Problem(f"edits[{index}]" + (f".{key}" if key else ""), message)])
