"""What a bundle offers, as it is stored with its deployment and read by everything that runs it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from backend.skills.manifest.effects import ANY_TOOL, Effect, Effects, function_in, prompt_in, server_tool
from backend.skills.schemas.schema_dialect import Schema, to_json_schema
from backend.skills.schemas.value_schemas import InputSchema, OutputSchema, all_required

RetryReason = Literal["worker_lost", "timeout", "error"]
RailPoint = Literal["input", "tool", "output", "retrieval"]
RailAction = Literal["block", "redact", "approve", "flag"]


class _Part(BaseModel):
    """Frozen; what a newer version wrote and this one does not know is left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


class Backoff(_Part):
    """How long a retry waits: `initial_s`, then `factor` times as long each time, at most `max_s`."""

    initial_s: float = 0.0
    factor: float = 2.0
    max_s: float = 300.0

    def delay_s(self, retries: int) -> float:
        """Seconds to wait before the next try, after `retries` earlier ones."""
        # Beyond 64 doublings every back-off has reached its maximum; larger powers would overflow.
        return min(self.max_s, self.initial_s * self.factor ** min(retries, 64))


class Retries(_Part):
    """When a job is tried again; `max` counts tries after the first."""

    max: int = 3
    on: tuple[RetryReason, ...] = ("worker_lost",)
    backoff: Backoff = Backoff()


class Limits(_Part):
    """What one job may use; `None`: what the instance allows."""

    steps: int | None = None
    tokens: int | None = None
    cost_usd: float | None = None
    memory_mb: int | None = None
    output_mb: int | None = None


BuiltIn = Literal["python"]
"""Tools of ours that a skill has to ask for."""


class Tool(_Part):
    """A tool of an agent: a function of the bundle, another skill, the tools of an MCP server, or one of ours."""

    name: str | None = None
    """Every tool has one but those of an MCP server."""
    description: str = ""
    entrypoint: str | None = None
    """`file.py:function`, relative to the skill's folder."""
    input_schema: Schema | None = None
    output_schema: Schema | None = None
    skill: str | None = None
    """Full name of the skill that the tool runs."""
    mcp: str | None = None
    """Address of an MCP server."""
    builtin: BuiltIn | None = None
    """A tool of ours that a skill has to ask for."""
    allow: tuple[str, ...] | None = None
    """Tools of the MCP server that are offered; `None`: all."""
    headers: dict[str, str] = {}
    """Sent to the MCP server; `${secret:NAME}` in a value stands for a secret, which is put in when a run begins."""
    confirm: bool = False
    read_only: bool = False
    idempotent: bool = False


class Example(_Part):
    """Inputs that fit the skill, for people and for the rehearsal."""

    inputs: dict[str, Any]
    title: str = ""
    description: str = ""
    outputs: dict[str, Any] | None = None


class Grader(_Part):
    """Judges the output of a run."""

    name: str
    kind: Literal["check", "rubric", "exact_match", "schema"]
    weight: float = 1.0
    entrypoint: str | None = None
    criteria: str | None = None
    levels: dict[str, str] | None = None
    field: str | None = None
    expected_schema: Schema | None = None


class Gate(_Part):
    """What an eval suite has to reach before a deployment is activated."""

    threshold: float
    """0 to 100."""
    repeat: int = 1


class Routing(_Part):
    """When a run moves to a stronger model."""

    escalate_to: str
    on: tuple[Literal["schema_fail"], ...] = ("schema_fail",)
    after: int = 2


class MemoryUse(_Part):
    """What an agent has of its project's memory."""

    scope: Literal["skillpack", "workspace"] = "skillpack"
    """For whom it remembers what has no key."""
    digest: bool = False
    """Tell each run what is remembered of its inputs, and what is pinned."""
    keys: tuple[str, ...] = ()
    """Inputs that say what a job is about; empty: every address and every image."""
    read_only: bool = False
    identity: bool = False
    """Give each run the key and the hash under which its inputs are remembered, as Puras does."""


class Rail(_Part):
    """A guard on what goes in, comes out, or passes a tool."""

    name: str
    on: tuple[RailPoint, ...]
    action: RailAction = "block"
    pattern: str | None = None
    pii: tuple[str, ...] = ()
    """Kinds of data about people."""
    words: tuple[str, ...] = ()
    fits: Schema | None = None
    """What the value has to fit."""
    criteria: str | None = None
    """Judged by a model, which nothing here does: such a rail blocks."""
    entrypoint: str | None = None
    """A function of the bundle that says whether the value may pass."""
    timeout_s: float = 10.0
    """Of that function."""
    tools: tuple[str, ...] = ()
    """Of which tools; empty: all."""
    message: str = ""
    """What is said of what does not pass."""

    def __hash__(self) -> int:
        return hash((self.name, self.pattern, self.pii, self.words, id(self.fits)))


class Skill(_Part):
    """One skill of a bundle."""

    name: str
    """`resize`, or `parent/sub` for a subskill."""
    path: str
    """Its folder relative to the bundle's root: `skills/resize`; empty for a bundle that is one Agent Skill."""
    title: str | None = None
    description: str = ""
    entrypoint: str
    is_agentic: bool
    input_schema: Schema
    output_schema: Schema
    parent_skill: str | None = None
    requirements: str | None = None
    """Path of the `requirements.txt` that applies, relative to the bundle's root."""
    origin: Literal["skill_yaml", "agent_skill"] = "skill_yaml"

    model: str | None = None
    image_model: str | None = None
    video_model: str | None = None
    audio_model: str | None = None
    media_kinds: tuple[str, ...] = ()
    disable_bash: bool = False
    tools: tuple[Tool, ...] = ()
    allowed_tools: tuple[str, ...] = ()
    tool_limits: dict[str, int] = {}
    cache_ttl: Literal["5m", "1h"] = "5m"
    routing: Routing | None = None
    rails: tuple[Rail, ...] = ()
    memory: MemoryUse | None = None
    """`None`: neither tools nor a digest."""

    examples: tuple[Example, ...] = ()
    evals: tuple[Grader, ...] = ()
    eval_dataset: str | None = None
    """Path of the cases, relative to the skill's folder."""
    eval_mocks: dict[str, Any] = {}
    eval_gate: Gate | None = None

    timeout_s: float | None = None
    retries: Retries = Retries()
    limits: Limits = Limits()
    network: Literal["none", "public"] | list[str] = "public"
    lane: str | None = None
    marketing: dict[str, Any] | None = None

    @property
    def file(self) -> str:
        """The file of the entrypoint, relative to the skill's folder."""
        return self.entrypoint if self.is_agentic else self.entrypoint.rpartition(":")[0]

    @property
    def function(self) -> str:
        """The function of a deterministic skill; empty for an agentic one."""
        return "" if self.is_agentic else self.entrypoint.rpartition(":")[2]

    @property
    def is_judged(self) -> bool:
        """Whether a language model judges its results."""
        return any(grader.kind == "rubric" for grader in self.evals)

    @property
    def is_submittable(self) -> bool:
        """Whether jobs may name it: subskills are run by their parent alone."""
        return self.parent_skill is None

    @property
    def effects(self) -> Effects:
        """Return the effects of running it, under any of which it may be confirmed."""
        prompt_or_function = prompt_in if self.is_agentic else function_in
        return frozenset({Effect("skill", self.name), prompt_or_function(self.path, self.entrypoint)})

    def function_effect(self, entrypoint: str) -> Effect:
        """Return the effect of calling a Python function that it names relative to its folder."""
        return function_in(self.path, entrypoint)

    @property
    def input_json_schema(self) -> Schema:
        """What goes in, in plain JSON Schema 2020-12."""
        schema: Schema = to_json_schema(self.input_schema)
        return schema

    @property
    def output_json_schema(self) -> Schema:
        """What comes out, in plain JSON Schema 2020-12, with the fields required that the worker requires."""
        schema: Schema = to_json_schema(all_required(self.output_schema))
        return schema

    @cached_property
    def inputs(self) -> InputSchema:
        """The input schema, compiled once."""
        return InputSchema(self.input_schema, takes_attachments=self.is_agentic)

    @cached_property
    def output(self) -> OutputSchema:
        """The output schema, compiled once."""
        return OutputSchema(self.output_schema)


class Manifest(_Part):
    """All skills of a bundle."""

    skills: tuple[Skill, ...]
    title: str | None = None
    """Of the skillpack, from `puras.yaml`."""
    description: str | None = None
    marketing: dict[str, Any] | None = None

    def find(self, name: str) -> Skill | None:
        """The skill or subskill of that name."""
        return self._by_name.get(name)

    @cached_property
    def confirmed(self) -> Effects:
        """Return every effect that any of its agents declares with `confirm: true`.

        `builtin: python` is not among them: it is a property of the kernel of one agent.
        """
        found: set[Effect] = set()
        for skill in self.skills:
            for tool in skill.tools:
                if tool.confirm:
                    found.update(self._effects_of(tool, skill))
        return frozenset(found)

    def _effects_of(self, tool: Tool, skill: Skill) -> Iterable[Effect]:
        if tool.entrypoint:
            yield skill.function_effect(tool.entrypoint)
        elif tool.skill:
            called = self.find(tool.skill)
            yield from (Effect("skill", tool.skill),) if called is None else called.effects
        elif tool.mcp:
            for name in (ANY_TOOL,) if tool.allow is None else tool.allow:
                yield server_tool(tool.mcp, name)

    @cached_property
    def _by_name(self) -> dict[str, Skill]:
        return {skill.name: skill for skill in self.skills}

    @property
    def submittable(self) -> tuple[Skill, ...]:
        """The skills that jobs may name."""
        return tuple(skill for skill in self.skills if skill.is_submittable)
