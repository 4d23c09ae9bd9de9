"""Define the types of a manifest: the one description of skill.yaml and puras.yaml, which all code uses.

The fields are the keys of the files, unless `Key` says otherwise. Their docstrings are the reference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

from pydantic import AliasChoices, Field, computed_field

from backend.core.schemas import DEPRECATED
from backend.skills.manifest.effects import ANY_TOOL, Effect, Effects, function_in, prompt_in, server_tool
from backend.skills.manifest.keys import Key, Part, Variant
from backend.skills.manifest.reader import read_value, texts
from backend.skills.manifest.values import (
    FUNCTION_RULE,
    LANE_RULE,
    NETWORK_RULE,
    PII,
    SCHEMA_RULE,
    name_of,
)
from backend.skills.schemas.schema_dialect import Schema, to_json_schema
from backend.skills.schemas.value_schemas import InputSchema, OutputSchema, all_required

if TYPE_CHECKING:
    from backend.skills.manifest.skill_reader import Section

MAX_TIMEOUT_S: Final = 86_400
RetryReason = Literal["worker_lost", "timeout", "error"]
RailPoint = Literal["input", "tool", "output", "retrieval"]
RailAction = Literal["block", "redact", "approve", "flag"]
SkillType = Literal["agentic", "deterministic", "flow"]
BuiltIn = Literal["python"]
"""Built-in tools that a skill must request."""

LooseText = Annotated[str, Key(is_loose=True)]
Title = Annotated[str, Key(most=200)]
_Function = Annotated[str, FUNCTION_RULE]
_ValueSchema = Annotated[Schema, SCHEMA_RULE]
_Seconds = Annotated[float, Key(most=MAX_TIMEOUT_S)]


class Backoff(Part):
    """The wait before a retry: `initial_s`, then `factor` times as long each time, at most `max_s`."""

    noun = "'backoff'"

    initial_s: _Seconds = 0.0
    """Seconds before the first retry; 1 by default."""
    factor: Annotated[float, Key(least=1, most=10)] = 2.0
    """Factor by which the wait grows with each retry."""
    max_s: _Seconds = 300.0
    """Maximum number of seconds before a retry."""

    def delay_s(self, retries: int) -> float:
        """Return the seconds to wait before the next attempt, after `retries` earlier retries."""
        # Beyond 64 doublings every back-off has reached its maximum; larger powers would overflow.
        return min(self.max_s, self.initial_s * self.factor ** min(retries, 64))


def read_backoff(section: Section, key: str) -> Backoff | None:
    """Return the back-off of a key: a mapping, or the seconds before each retry."""
    value = section.raw(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        backoff: Backoff | None = read_value(section, key, Backoff)
        return backoff
    seconds = read_value(section, key, float, Key(most=MAX_TIMEOUT_S))
    return None if seconds is None else Backoff(initial_s=seconds, factor=1.0, max_s=seconds)


class Retries(Part):
    """When a job is retried."""

    noun = "'retries'"

    max: Annotated[int, Key(most=100)] = 3
    """Maximum number of retries after the first attempt."""
    on: tuple[RetryReason, ...] = ("worker_lost",)
    """Failures after which a job is retried."""
    backoff: Annotated[Backoff, Key(read=read_backoff, shorthand={"type": "number", "minimum": 0})] = (
        Backoff()
    )
    """Seconds before each retry, or how they grow."""


class Limits(Part):
    """Limits of one job; `None`: the limit of the instance."""

    noun = "'limits'"

    steps: Annotated[int | None, Key(least=1, most=10_000)] = None
    """Maximum replies of the model of an agent."""
    tokens: Annotated[int | None, Key(least=1, most=1_000_000_000)] = None
    """Maximum tokens of all model calls together."""
    cost_usd: Annotated[float | None, Key(above=0, most=10_000)] = None
    """Maximum cost of the job in US dollars."""
    memory_mb: Annotated[int | None, Key(least=64, most=1 << 20)] = None
    """MiB of memory."""
    output_mb: Annotated[int | None, Key(least=1, most=64)] = None
    """Maximum MiB of the result."""


_SHARED: Final = ("description", "confirm", "read_only", "idempotent")


class Tool(Part):
    """A tool of an agent: a function of the bundle, another skill, the tools of an MCP server, or a built-in one."""

    plural = "tools"

    name: Annotated[str | None, name_of("tool")] = None
    """Name by which the model calls it."""
    entrypoint: _Function | None = None
    """`file.py:function`, relative to the folder of the skill."""
    input_schema: _ValueSchema | None = None
    """Arguments of the function."""
    output_schema: _ValueSchema | None = None
    """Result of the function."""
    skill: str | None = None
    """Name of the skill that the tool runs."""
    builtin: BuiltIn | None = None
    """A built-in tool that a skill must request."""
    mcp: Annotated[str | None, Key(most=2_000)] = None
    """URL of an MCP server."""
    allow: tuple[str, ...] | None = None
    """Tools of the MCP server that the agent may use; all by default."""
    headers: Annotated[
        dict[
            str,
            Annotated[
                str, Key(most=4_000, schema={"type": "string", "pattern": r"^[\x20-\x7e]*$", "minLength": 1})
            ],
        ],
        Key(most=16, advice="Send only the headers that the server needs."),
    ] = Field(default_factory=dict)
    """Sent to the MCP server. `${secret:NAME}` in a value is replaced by a secret when a run starts."""
    description: LooseText = ""
    """Description for the model."""
    confirm: bool = False
    """Whether each call needs an approval."""
    read_only: bool = False
    """Whether it has no effects, so that a call may be repeated."""
    idempotent: bool = False
    """Whether a repeated call has no second effect."""

    variants: ClassVar = (
        Variant(
            "A tool that is a function",
            ("entrypoint", "name", "input_schema", "output_schema", *_SHARED),
            ("name", "entrypoint", "input_schema", "output_schema"),
        ),
        Variant("A tool that is a skill", ("skill", "name", *_SHARED), ("name", "skill")),
        Variant("A built-in tool", ("builtin", "confirm"), ("builtin",)),
        Variant("A tool that is an MCP server", ("mcp", "allow", "headers", *_SHARED), ("mcp",)),
    )


class Example(Part):
    """Inputs that are valid for the skill, for users and for the simulated model."""

    noun = "An example"
    plural = "examples"

    inputs: dict[str, Any]
    """Inputs of a job."""
    title: Title = ""
    """Label of the example."""
    description: LooseText = ""
    """Purpose of the example."""
    outputs: dict[str, Any] | None = None
    """The result, which the simulated model returns."""


class Grader(Part):
    """Scores the output of a run."""

    noun = "A grader"
    plural = "graders"

    name: Annotated[str, name_of("grader")]
    """Unique name."""
    kind: Literal["check", "rubric", "exact_match", "schema"]
    """How it scores: with a function, a language model, the expected output, or a schema."""
    weight: Annotated[float, Key(above=0, most=1_000_000)] = 1.0
    """Weight of its score in the mean."""
    entrypoint: _Function | None = None
    """For a check: a function that is called with `inputs` and `output`."""
    criteria: str | None = None
    """For a rubric: the description of a good output."""
    levels: dict[str, str] | None = None
    """For a rubric: scores with their meanings."""
    field: str | None = None
    """For an exact match: path of the compared value, like `items[0].name`."""
    expected_schema: Annotated[Schema | None, SCHEMA_RULE.named("schema")] = None
    """For a schema: the schema that the output must be valid for."""

    variants: ClassVar = tuple(
        Variant(f"A grader of kind {kind!r}", ("name", "kind", "weight", *keys), ("name", "kind", *required))
        for kind, keys, required in (
            ("check", ("entrypoint",), ("entrypoint",)),
            ("rubric", ("criteria", "levels"), ("criteria",)),
            ("exact_match", ("field",), ()),
            ("schema", ("schema",), ()),
        )
    )

    @classmethod
    def variant_of(cls, value: Mapping[str, Any]) -> Variant | None:
        """Return the form of its kind; `None` if there is no such kind."""
        noun = f"A grader of kind {value.get('kind')!r}"
        return next((one for one in cls.variants if one.noun == noun), None)


class Gate(Part):
    """Condition that an eval suite must meet before a deployment is activated."""

    noun = "'gate'"

    threshold: Annotated[float, Key(most=100)]
    """Minimum score of the suite."""
    repeat: Annotated[int, Key(least=1, most=20)] = 1
    """Runs of each case."""


class Routing(Part):
    """When a run moves to a stronger model."""

    noun = "'routing'"

    escalate_to: Annotated[str, Key(catalog="models")]
    """Model that continues the run."""
    on: tuple[Literal["schema_fail"], ...] = ("schema_fail",)
    """Events that count as failures."""
    after: Annotated[int, Key(least=1, most=1_000)] = 2
    """Number of failures before the run moves."""


class MemoryUse(Part):
    """Access of an agent to its project's memory."""

    noun = "'memory'"

    scope: Literal["skillpack", "workspace"] = "skillpack"
    """Scope of records without a key: the skillpack or the project."""
    digest: bool = False
    """Whether each run receives the records about its inputs, and the pinned ones."""
    keys: tuple[str, ...] = ()
    """Inputs that identify the subject of a job; by default every URL and image."""
    read_only: bool = False
    """Whether the agent has neither `memory_put` nor `memory_forget`."""
    identity: Annotated[bool, Key(is_derived=True)] = False
    """Whether each run receives the key and the hash of its inputs in the memory, as in Puras."""


def _memory(section: Section, key: str) -> MemoryUse | None:
    value = section.raw(key)
    if isinstance(value, bool):
        return MemoryUse() if value else None
    memory: MemoryUse | None = read_value(section, key, MemoryUse)
    return memory


MAX_MODELS: Final = 5
_MODEL_LIST: Final = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MAX_MODELS}


def _model(section: Section, key: str) -> str | None:
    """Return the model, or the first one of a list."""
    if isinstance(section.raw(key), list):
        return next(iter(texts(section, key)), None)
    model: str | None = read_value(section, key, str)
    return model


class Rail(Part):
    """A guardrail on inputs, outputs or tool calls."""

    noun = "A guardrail"
    plural = "guardrails"

    name: Annotated[str, name_of("guardrail")]
    """Unique name."""
    on: Annotated[tuple[RailPoint, ...], Key(is_one_or_many=True)]
    """The values that it evaluates."""
    action: RailAction = "block"
    """The action on a value that does not pass."""
    pattern: str | None = None
    """A regular expression in RE2 syntax; matching text does not pass."""
    pii: Annotated[tuple[str, ...], Key(words=PII, everything="all", is_one_or_many=True)] = ()
    """Kinds of personal data that do not pass."""
    words: tuple[Annotated[str, Key(most=200)], ...] = ()
    """Words that do not pass, case-insensitive."""
    expected_schema: Annotated[Schema | None, SCHEMA_RULE.named("schema")] = Field(
        default=None, validation_alias=AliasChoices("expected_schema", "fits")
    )
    """A schema that the value must be valid for."""
    criteria: str | None = None
    """Not supported: models do not evaluate guardrails."""
    entrypoint: _Function | None = None
    """A function that decides whether the value may pass."""
    timeout_s: Annotated[float, Key(above=0, most=60)] = 10.0
    """Maximum seconds of the function."""
    tools: tuple[str, ...] = ()
    """Tools that it applies to; all by default."""
    message: Annotated[str, Key(most=500)] = ""
    """Message to the caller or the model about a value that does not pass."""

    def __hash__(self) -> int:
        return hash((self.name, self.pattern, self.pii, self.words, id(self.expected_schema)))

    # Stored manifests have both names, since workers of the previous release read this one during an upgrade.
    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def fits(self) -> Schema | None:
        """The former name of `expected_schema`. Removed in 0.3."""
        return self.expected_schema


class SkillKeys(Part):
    """Keys of a skill.yaml that are stored as they are.

    They are read in this order: schemas come before the keys that are checked against them.
    """

    noun = "A skill"

    entrypoint: Annotated[str, Key(most=1_000)]
    """`SKILL.md` for an agent, `main.py:run` for a function, or `flow.yaml` for a flow."""
    title: Title | None = None
    """Label of the skill."""
    description: LooseText = ""
    """Description of the skill, for users and for agents."""
    input_schema: _ValueSchema
    """Inputs of a job."""
    output_schema: _ValueSchema
    """Result of a job."""
    examples: Annotated[tuple[Example, ...], Key(most=100, advice="Remove some of them.")] = ()
    """Valid inputs that users can run with one click."""
    timeout_s: Annotated[float | None, Key(above=0, most=MAX_TIMEOUT_S)] = None
    """Maximum running time of a job in seconds."""
    retries: Retries = Retries()
    """When a job is retried."""
    limits: Limits = Limits()
    """Limits of one job."""
    network: Annotated[Literal["none", "public"] | list[str], NETWORK_RULE] = "public"
    """`public` (every public host, ports 80 and 443), `none`, or the hosts that jobs may connect to:
    `api.example.org`, `*.example.org`, `api.example.org:8443`."""
    lane: Annotated[str | None, LANE_RULE] = None
    """Group of workers that run its jobs."""
    model: Annotated[str | None, Key(catalog="models", read=_model, shorthand=_MODEL_LIST)] = None
    """Language model of an agent; or a list, of which the next one continues a run when one is unavailable, or the
    budget or its context does not suffice."""
    fallback_models: Annotated[tuple[str, ...], Key(is_derived=True)] = ()
    """The other models of the list."""
    image_model: Annotated[str | None, Key(catalog="image")] = None
    """Model for images."""
    video_model: Annotated[str | None, Key(catalog="video")] = None
    """Model for video."""
    audio_model: Annotated[str | None, Key(catalog="audio")] = None
    """Model for audio."""
    disable_bash: bool = False
    """Whether the agent has no tool `bash`."""
    tools: Annotated[tuple[Tool, ...], Key(most=128, advice="Split the skill.")] = ()
    """Tools of the agent, in addition to the built-in ones."""
    allowed_tools: tuple[str, ...] = ()
    """The only tools that the agent may use; all by default."""
    tool_limits: dict[str, Annotated[int, Key(least=1, most=1_000_000)]] = Field(default_factory=dict)
    """Maximum number of calls, by tool."""
    cache_ttl: Literal["5m", "1h"] = "5m"
    """Lifetime of the prompt cache."""
    routing: Routing | None = None
    """When a run moves to a stronger model."""
    rails: Annotated[tuple[Rail, ...], Key(most=50, advice="Combine some of them.")] = ()
    """Guardrails on inputs, outputs and tool calls."""
    memory: Annotated[MemoryUse | None, Key(read=_memory, shorthand={"type": "boolean"})] = None
    """Access of the agent to its project's memory: tools, and a digest."""
    marketing: dict[str, Any] | None = None
    """Content of the public page."""


class Skill(SkillKeys):
    """One skill of a bundle."""

    name: str
    """`resize`, or `parent/sub` for a subskill."""
    path: str
    """Its folder relative to the root of the bundle: `skills/resize`; empty for a bundle that is one Agent Skill."""
    is_agentic: bool
    flow: dict[str, Any] | None = None
    """The steps of a flow, as `backend.skills.flows.types.Flow` reads them."""
    calls_paid_skills: bool = False
    """Whether a step of the flow may cost something."""
    parent_skill: str | None = None
    requirements: str | None = None
    """Path of the `requirements.txt` that applies, relative to the root of the bundle."""
    origin: Literal["skill_yaml", "agent_skill", "trial"] = "skill_yaml"
    """`trial`: a skill of the copy of the assistant. Earlier releases reject it, since they would not confine it."""
    media_kinds: tuple[str, ...] = ()
    evals: tuple[Grader, ...] = ()
    eval_dataset: str | None = None
    """Path of the cases, relative to the folder of the skill."""
    eval_mocks: dict[str, Any] = Field(default_factory=dict)
    eval_gate: Gate | None = None

    @property
    def is_trial(self) -> bool:
        """Whether it runs without secrets, internet, drive and token, since no user has read its code."""
        return self.origin == "trial"

    @property
    def file(self) -> str:
        """The file of the entrypoint, relative to the skill's folder."""
        return self.entrypoint.rpartition(":")[0] if self.type == "deterministic" else self.entrypoint

    @property
    def function(self) -> str:
        """The function of a deterministic skill; empty for another one."""
        return self.entrypoint.rpartition(":")[2] if self.type == "deterministic" else ""

    @property
    def is_flow(self) -> bool:
        """Whether the entrypoint is a flow.yaml."""
        return self.entrypoint.lower().endswith((".yaml", ".yml"))

    @property
    def type(self) -> SkillType:
        """How it runs."""
        if self.is_flow:
            return "flow"
        return "agentic" if self.is_agentic else "deterministic"

    @property
    def is_judged(self) -> bool:
        """Whether a language model scores its results."""
        return any(grader.kind == "rubric" for grader in self.evals)

    @property
    def is_submittable(self) -> bool:
        """Whether jobs may name it: only the parent of a subskill runs it."""
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
        """The schema of inputs in plain JSON Schema 2020-12."""
        schema: Schema = to_json_schema(self.input_schema)
        return schema

    @property
    def output_json_schema(self) -> Schema:
        """The schema of results in plain JSON Schema 2020-12, with the fields that the worker requires."""
        schema: Schema = to_json_schema(all_required(self.output_schema))
        return schema

    @cached_property
    def step_skills(self) -> dict[str, Skill]:
        """The skills of steps of a flow that `backend.skills.flows.step_skills` has derived, by step."""
        return {}

    @cached_property
    def inputs(self) -> InputSchema:
        """The input schema, compiled once."""
        return InputSchema(self.input_schema, takes_attachments=self.is_agentic)

    @cached_property
    def output(self) -> OutputSchema:
        """The output schema, compiled once."""
        return OutputSchema(self.output_schema)


class Manifest(Part):
    """All skills of a bundle."""

    skills: tuple[Skill, ...]
    title: str | None = None
    """Label of the skillpack, from `puras.yaml`."""
    description: str | None = None
    marketing: dict[str, Any] | None = None

    def find(self, name: str) -> Skill | None:
        """Return the skill or subskill of that name."""
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
        """Return the skills that jobs may name."""
        return tuple(skill for skill in self.skills if skill.is_submittable)
