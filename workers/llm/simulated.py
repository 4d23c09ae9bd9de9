"""Provide the simulated model, which is **not a language model**.

It tests a skill without a key and at no cost. It calls each tool that the skill declares once, with values
that match the tool's schema, and then submits the output of the skill's example with the most similar inputs,
or sample values. Calls of MCP servers are real, and sample values could change data of others: it calls their tools
only if the skill declares them as read-only, and reports the others. The next step depends only on the conversation,
so a resumed run continues where it stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from backend.skills.manifest.types import Example, Skill
from backend.skills.model_catalog.catalog import CatalogueEntry
from backend.skills.schemas.validator import TooManyStepsError, Validator
from workers.llm.remote_tools import remote_tools
from workers.llm.sample_values import sample
from workers.llm.types import EARLIER_CALL, Block, Label, Message, Prompt, Reply, Retry, Tokens, ToolSpec

SET_OUTPUT: Final = "set_output"
NOTICE: Final = "Simulated: no language model ran."
_MAX_SUBMISSIONS: Final = 2  # of results: the output of the example, then sample values


@dataclass(frozen=True, slots=True)
class SimulatedModel:
    """Runs a skill without a language model; always labeled as simulated."""

    entry: CatalogueEntry
    skill: Skill
    inputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def slug(self) -> str:
        """Its slug in the model catalog."""
        return self.entry.slug

    @property
    def label(self) -> Label:
        """The label of each reply."""
        return "rehearsal"

    async def reply(
        self, prompt: Prompt, on_delta: Callable[[str], None], on_retry: Callable[[Retry], None]
    ) -> Reply:
        """Return the next simulated reply."""
        called = [block["name"] for block in _tool_uses(prompt.messages)]
        text, call, source = self._next(prompt.tools, called)
        for word in text.split(" "):
            on_delta(f"{word} ")
            await asyncio.sleep(0)  # followers see it stream
        blocks: list[Block] = [{"type": "text", "text": text}]
        if call is not None:
            blocks.append({"type": "tool_use", "id": f"toolu_simulated_{len(called) + 1}", **call})
        return Reply(
            blocks=tuple(blocks),
            stop_reason="end_turn" if call is None else "tool_use",
            tokens=Tokens(),
            model=self.slug,
            upstream_nanos=0,
            billed_micros=0,
            label=self.label,
            simulated_from=source,
        )

    async def count(self, prompt: Prompt) -> int | None:
        """Return None: it costs nothing, however long the prompt is."""
        return None

    def worst_case_micros(self, prompt: Prompt, max_tokens: int) -> int:
        """Return 0: it costs nothing."""
        return 0

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def _next(self, tools: Sequence[ToolSpec], called: Sequence[str]) -> tuple[str, Block | None, str]:
        offered = {tool.name: tool for tool in tools}
        declared = [offered[tool.name] for tool in self.skill.tools if tool.name in offered]
        for spec in [*declared, *remote_tools(tools).tried]:
            if spec.name not in called:
                text = f"{NOTICE} Trying the tool {spec.name!r} with sample values."
                return text, {"name": spec.name, "input": self._arguments(spec.input_schema)}, ""
        submitted = called.count(SET_OUTPUT)
        if SET_OUTPUT not in offered or submitted >= _MAX_SUBMISSIONS:
            return f"{NOTICE} All tools were tried.", None, ""
        schema = offered[SET_OUTPUT].input_schema
        example = self._nearest_example(schema) if submitted == 0 else None
        if example is None:
            text = f"{NOTICE} Returning sample values."
            return text, {"name": SET_OUTPUT, "input": sample(schema)}, "sample"
        is_same = self._has_inputs_of(example)
        of_what = "the same inputs" if is_same else "other inputs"
        text = f"{NOTICE} Returning the output of an example of this skill with {of_what}."
        source = "example" if is_same else "other_example"
        return text, {"name": SET_OUTPUT, "input": example.outputs}, source

    def _arguments(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return sample arguments, with the job's own inputs where a name and its schema are the same."""
        arguments: dict[str, Any] = sample({**schema, "type": "object"})
        for name in arguments:
            if name in self.inputs:
                changed = {**arguments, name: self.inputs[name]}
                arguments = changed if _fits(schema, changed) else arguments
        return arguments

    def _nearest_example(self, schema: dict[str, Any]) -> Example | None:
        with_outputs = [example for example in self.skill.examples if example.outputs is not None]
        fitting = [example for example in with_outputs if _fits(schema, example.outputs)]
        if not fitting:
            return None
        return max(fitting, key=self._likeness)  # the first one of several

    def _has_inputs_of(self, example: Example) -> bool:
        """Return whether the job's inputs are those of the example, with the defaults of the schema."""
        fields = self.skill.input_schema.get("properties", {})
        defaults = {
            name: schema["default"]
            for name, schema in fields.items()
            if isinstance(schema, dict) and "default" in schema
        }
        return {**defaults, **example.inputs} == {**defaults, **self.inputs}

    def _likeness(self, example: Example) -> int:
        same = [name for name, value in example.inputs.items() if self.inputs.get(name) == value]
        return 2 * len(same) - len(example.inputs.keys() ^ self.inputs.keys())


def _tool_uses(messages: Sequence[Message]) -> list[Block]:
    """Return the calls of this run, without those of earlier turns of its conversation."""
    spoken = [message["content"] for message in messages if message["role"] == "assistant"]
    used = [block for blocks in spoken for block in blocks if block["type"] == "tool_use"]
    return [block for block in used if not block["id"].startswith(EARLIER_CALL)]


def _fits(schema: dict[str, Any], value: Any) -> bool:
    try:
        return not Validator(schema).errors(value)
    except TooManyStepsError:
        return False
