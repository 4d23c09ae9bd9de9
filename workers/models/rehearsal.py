"""The rehearsal: **not a language model**. It shows that a skill holds together, with no key and for nothing.

It calls each tool that the skill declares once, with values that fit the tool's schema, and then hands in the output of
the skill's own example whose inputs are nearest, or values that fit. What it does next follows from the conversation
alone, so a resumed run goes on where it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from backend.bundles.manifest import Example, Skill
from backend.bundles.validator import TooManyStepsError, Validator
from backend.providers.catalogue import CatalogueEntry
from workers.models import Block, Label, Message, Prompt, Reply, Tokens, ToolSpec
from workers.models.samples import sample

SET_OUTPUT: Final = "set_output"
NOTICE: Final = "Rehearsal: no language model is at work here."
_TRIES: Final = 2  # of handing in: the example's output, then sample values


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Plays a skill without a language model; always labelled so."""

    entry: CatalogueEntry
    skill: Skill
    inputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def slug(self) -> str:
        """Its name in the catalogue."""
        return self.entry.slug

    @property
    def label(self) -> Label:
        """What every reply of it is marked with."""
        return "rehearsal"

    async def reply(
        self, prompt: Prompt, on_delta: Callable[[str], None], on_retry: Callable[[dict[str, Any]], None]
    ) -> Reply:
        """The next thing to try."""
        called = [block["name"] for block in _tool_uses(prompt.messages)]
        text, call = self._next(prompt.tools, called)
        for word in text.split(" "):
            on_delta(f"{word} ")
            await asyncio.sleep(0)  # followers see it stream
        blocks: list[Block] = [{"type": "text", "text": text}]
        if call is not None:
            blocks.append({"type": "tool_use", "id": f"toolu_rehearsal_{len(called) + 1}", **call})
        return Reply(
            blocks=tuple(blocks),
            stop_reason="end_turn" if call is None else "tool_use",
            tokens=Tokens(),
            model=self.slug,
            upstream_nanos=0,
            billed_micros=0,
            label=self.label,
        )

    def worst_case_micros(self, prompt: Prompt, max_tokens: int) -> int:
        """It costs nothing."""
        return 0

    async def close(self) -> None:
        """It holds nothing."""

    def _next(self, tools: Sequence[ToolSpec], called: Sequence[str]) -> tuple[str, Block | None]:
        offered = {tool.name: tool for tool in tools}
        for tool in self.skill.tools:
            if tool.name in offered and tool.name not in called:
                arguments = self._arguments(offered[tool.name].input_schema)
                text = f"{NOTICE} Trying the tool {tool.name!r} with sample values."
                return text, {"name": tool.name, "input": arguments}
        tried = called.count(SET_OUTPUT)
        if SET_OUTPUT not in offered or tried >= _TRIES:
            return f"{NOTICE} There is nothing more to try.", None
        schema = offered[SET_OUTPUT].input_schema
        output = self._example_output(schema) if tried == 0 else None
        source = "sample values" if output is None else "the output of an example of this skill"
        handed_in = sample(schema) if output is None else output
        return f"{NOTICE} Handing in {source}.", {"name": SET_OUTPUT, "input": handed_in}

    def _arguments(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Sample arguments, with the job's own inputs where a name and its schema are the same."""
        arguments: dict[str, Any] = sample({**schema, "type": "object"})
        for name in arguments:
            if name in self.inputs:
                changed = {**arguments, name: self.inputs[name]}
                arguments = changed if _fits(schema, changed) else arguments
        return arguments

    def _example_output(self, schema: dict[str, Any]) -> dict[str, Any] | None:
        told = [example for example in self.skill.examples if example.outputs is not None]
        fitting = [example for example in told if _fits(schema, example.outputs)]
        if not fitting:
            return None
        return max(fitting, key=self._likeness).outputs  # the first one of several

    def _likeness(self, example: Example) -> int:
        same = [name for name, value in example.inputs.items() if self.inputs.get(name) == value]
        return 2 * len(same) - len(example.inputs.keys() ^ self.inputs.keys())


def _tool_uses(messages: Sequence[Message]) -> list[Block]:
    spoken = [message["content"] for message in messages if message["role"] == "assistant"]
    return [block for blocks in spoken for block in blocks if block["type"] == "tool_use"]


def _fits(schema: dict[str, Any], value: Any) -> bool:
    try:
        return not Validator(schema).errors(value)
    except TooManyStepsError:
        return False
