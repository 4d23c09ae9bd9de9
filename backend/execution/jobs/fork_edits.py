"""Changes to what an agent was told and said, for a job that goes on from there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from backend.core.errors import Invalid, Problem
from backend.core.schemas import Text
from backend.execution.journal.service import OPENING_STEP, Entry

_SIGNED: Final = frozenset({"thinking", "redacted_thinking"})
_NO_TOKENS: Final = {"input": 0, "output": 0, "cache_write": 0, "cache_read": 0}
_Words = Annotated[Text, Field(max_length=200_000)]


class Edit(BaseModel):
    """One change: of a call (`tool_use_id` with `content`, `input` or both), or of words (`step` with `text`)."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    tool_use_id: Text | None = Field(default=None, min_length=1, max_length=200)
    """Of a call, as the event `tool_use` tells it."""
    content: _Words | None = None
    """What the agent is told in the place of the call's result."""
    ok: bool = True
    """False: it is told as an error."""
    input: dict[str, Any] | None = None
    """Other arguments of the call. One of the last step is made again with them, unless `content` says what it gave."""
    step: int | None = Field(default=None, ge=0, le=10_000)
    """Of the reply whose words change; 0: the opening message."""
    block: int | None = Field(default=None, ge=0, le=1_000)
    """Which block, counted from 0, where there is more than one text."""
    text: _Words | None = Field(default=None, min_length=1)
    """The words in the place of those that were there."""

    @model_validator(mode="after")
    def _is_one_change(self) -> Self:
        is_of_call = self.tool_use_id is not None and not (self.content is None and self.input is None)
        is_of_words = self.step is not None and self.text is not None
        others = (self.step, self.block, self.text) if is_of_call else (self.content, self.input)
        if is_of_call == is_of_words or any(other is not None for other in others):
            raise ValueError(
                "an edit is {tool_use_id, content}, {tool_use_id, input}, both in one, or {step, text}, with a "
                "'block' where the step has several texts"
            )
        return self

    @property
    def target(self) -> tuple[Any, ...]:
        """What it changes."""
        return (self.tool_use_id,) if self.tool_use_id is not None else (self.step, self.block)


@dataclass(slots=True)
class Edited:
    """Entries of a journal with their changes, and what those were."""

    entries: list[Entry]
    told: list[dict[str, Any]] = field(default_factory=list)
    """Of the event `forked`: what was changed, and not to what."""

    @property
    def first_step(self) -> int:
        """The first step of which something was changed: signed thinking holds for what came before it alone."""
        return min((int(one["step"]) for one in self.told), default=max(one.step for one in self.entries))


def edited(entries: Sequence[Entry], edits: Sequence[Edit]) -> Edited:
    """The entries with every edit made.

    Raises:
        Invalid: they have no such step, call or text, or the text cannot be changed.
    """
    made = Edited(list(entries))
    last = max(entry.step for entry in entries)
    seen: set[tuple[Any, ...]] = set()
    for place, edit in enumerate(edits):
        if edit.target in seen:
            raise _wrong(place, "Two edits change the same. Keep one of them.")
        seen.add(edit.target)
        if edit.tool_use_id is None:
            _change_words(made, place, edit)
        else:
            _change_call(made, place, edit, last=last)
    return made


def unmeasured(entry: Entry) -> Entry:
    """A reply of which nobody knows how many tokens it and all before it are by now."""
    if entry.kind != "reply":
        return entry
    return replace(entry, content={**entry.content, "tokens": dict(_NO_TOKENS), "cleared_tokens": 0})


def unsigned(entry: Entry) -> Entry:
    """A reply without what only the model that gave it takes back, and only behind what it was told then."""
    if entry.kind != "reply":
        return entry
    blocks = [block for block in entry.content["blocks"] if block.get("type") not in _SIGNED]
    return replace(entry, content={**entry.content, "blocks": blocks})


def kinds_shown(entries: Sequence[Entry]) -> set[str]:
    """Types of all blocks that a model is shown."""
    shown: set[str] = set()
    rest: list[Any] = [entry.content for entry in entries]
    while rest:
        value = rest.pop()
        if isinstance(value, dict):
            shown.add(str(value.get("type")))
            rest += [value.get(key) for key in ("messages", "blocks", "content")]
        elif isinstance(value, list):
            rest += value
    return shown


def _change_call(made: Edited, place: int, edit: Edit, *, last: int) -> None:
    at, number = _call(made, place, str(edit.tool_use_id))
    reply = made.entries[at]
    facts = {"step": reply.step, "tool_use_id": edit.tool_use_id}
    if edit.input is not None:
        blocks = [
            {**block, "input": edit.input} if block.get("id") == edit.tool_use_id else block
            for block in reply.content["blocks"]
        ]
        made.entries[at] = replace(reply, content={**reply.content, "blocks": blocks})
        made.told.append({"what": "arguments", **facts})
    if edit.content is None and reply.step < last:
        return  # what came after rests on the result that it had
    made.entries = [entry for entry in made.entries if (entry.step, entry.place) != (reply.step, number)]
    if edit.content is not None:
        content = {
            "tool_use_id": edit.tool_use_id,
            "content": edit.content,
            "ok": edit.ok,
            "facts": {"edited": True},
        }
        made.entries.append(Entry(reply.step, number, "result", content))
        made.entries.sort(key=lambda entry: (entry.step, entry.place))
        made.told.append({"what": "result", **facts})


def _call(made: Edited, place: int, tool_use_id: str) -> tuple[int, int]:
    """Which entry asks for the call, and the call's place in its step."""
    for at, entry in enumerate(made.entries):
        blocks = entry.content["blocks"] if entry.kind == "reply" else ()
        calls = [block.get("id") for block in blocks if block.get("type") == "tool_use"]
        if tool_use_id in calls:
            return at, calls.index(tool_use_id) + 1
    raise _wrong(
        place,
        f"No call up to that step has the id {tool_use_id!r}. Take the ids from the events `tool_use` of those steps.",
        "tool_use_id",
    )


def _change_words(made: Edited, place: int, edit: Edit) -> None:
    kind = "opening" if edit.step == OPENING_STEP else "reply"
    at = next((at for at, one in enumerate(made.entries) if (one.step, one.kind) == (edit.step, kind)), None)
    if at is None:
        raise _wrong(place, f"Step {edit.step} is not kept. Name one up to the step of the fork.", "step")
    entry = made.entries[at]
    messages = entry.content.get("messages", ())
    blocks = list(messages[-1]["content"] if kind == "opening" else entry.content["blocks"])
    number = _text_block(blocks, place, edit)
    blocks[number] = {"type": "text", "text": edit.text}
    changed: dict[str, Any] = {"blocks": blocks}
    if kind == "opening":
        changed = {"messages": [*messages[:-1], {**messages[-1], "content": blocks}]}
    made.entries[at] = replace(entry, content={**entry.content, **changed})
    made.told.append({"what": "text", "step": edit.step, "block": number})


def _text_block(blocks: Sequence[dict[str, Any]], place: int, edit: Edit) -> int:
    """Which block of a message the edit means."""
    where = "The opening message" if edit.step == OPENING_STEP else f"The reply of step {edit.step}"
    kinds = [str(block.get("type")) for block in blocks]
    texts = [number for number, kind in enumerate(kinds) if kind == "text"]
    if edit.block is None:
        if not texts:
            raise _wrong(place, f"{where} has no text: its blocks are {', '.join(kinds) or 'none'}.", "step")
        if len(texts) > 1 and edit.step != OPENING_STEP:
            raise _wrong(
                place,
                f"{where} has several texts. Name one as 'block': {', '.join(map(str, texts))}.",
                "block",
            )
        return texts[0]
    if edit.block in texts:
        return edit.block
    if edit.block >= len(blocks):
        raise _wrong(place, f"{where} has {len(blocks)} blocks, counted from 0.", "block")
    kind = kinds[edit.block]
    if kind in _SIGNED:
        sentence = (
            f"{where} has thinking there, which its provider has signed and takes back unchanged alone."
        )
    elif kind == "tool_use":
        sentence = f"{where} has a call there: change it with its 'tool_use_id' and 'input'."
    else:
        sentence = f"{where} has a block of type {kind!r} there, and only texts and calls can be changed."
    raise _wrong(place, sentence, "block")


def _wrong(place: int, sentence: str, key: str = "") -> Invalid:
    return Invalid(sentence, [Problem(f"edits[{place}]" + (f".{key}" if key else ""), sentence)])
