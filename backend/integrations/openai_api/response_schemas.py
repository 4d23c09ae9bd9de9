"""Requests and responses of the Responses API."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from backend.core.schemas import Text
from backend.integrations.openai_api.chat_schemas import OpenAIBody, OpenAIRead, SkillCall


class InputPart(OpenAIBody):
    """A part of an item."""

    type: Text
    """`input_text`, `output_text`, `refusal`, `input_image` or `input_file`."""
    text: Text | None = None
    refusal: Text | None = None
    image_url: Text | None = None
    """An `https:` or `data:` URL."""
    file_id: Text | None = None
    """A path in the drive of the project."""
    file_data: Text | None = None
    """A `data:` URL, or base64."""
    file_url: Text | None = None


class InputItem(OpenAIBody):
    """An item of the conversation: a message, or one of the items that `type` names."""

    type: Text = "message"
    """`message`, or `item_reference` for an earlier answer; `reasoning` is ignored, everything else is rejected."""
    id: Text | None = None
    """For a reference: the ID of the message in the earlier response."""
    role: Literal["system", "developer", "user", "assistant"] | None = None
    content: Text | list[InputPart] | None = None


class TextFormat(OpenAIBody):
    """The form of the answer."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    name: Text | None = None
    json_schema: dict[str, Any] | None = Field(default=None, alias="schema")
    """Each result of the skill must be valid for it, as its `output_schema` promises."""


class TextConfig(OpenAIBody):
    """Options of the answer."""

    format: TextFormat | None = None


class ResponseCreate(SkillCall):
    """Body of `POST /v1/openai/responses`.

    Parameters of the model, such as `temperature`, `max_output_tokens` and `reasoning`, are ignored: the skill sets
    them.
    """

    input: Text | list[InputItem]
    """The message of the user, or the conversation, which ends with it."""
    instructions: Text | None = None
    """Context for the skill. It is data, like all system messages."""
    text: TextConfig | None = None
    previous_response_id: Text | None = None
    """Rejected: send the earlier messages as `input`."""
    conversation: Any = None
    """Rejected."""
    background: bool | None = None
    """Rejected if true: submit a job with `POST /v1/jobs` instead."""
    prompt: Any = None
    """Rejected."""


class OutputText(OpenAIRead):
    """The text of a message."""

    type: Literal["output_text"] = "output_text"
    text: str
    annotations: list[Any] = Field(default_factory=list)
    logprobs: list[Any] = Field(default_factory=list)


class OutputMessage(OpenAIRead):
    """A message of the skill."""

    id: str
    type: Literal["message"] = "message"
    role: Literal["assistant"] = "assistant"
    status: Literal["in_progress", "completed", "incomplete"]
    phase: Literal["commentary", "final_answer"] | None = None
    """`final_answer`: the answer; `commentary`: what an agent wrote before it, which only streams contain."""
    content: list[OutputText]


class InputTokensDetails(OpenAIRead):
    """Details of `input_tokens`."""

    cached_tokens: int
    """Tokens that were read from the cache."""
    cache_write_tokens: int
    """Tokens that were written to the cache."""


class OutputTokensDetails(OpenAIRead):
    """Details of `output_tokens`."""

    reasoning_tokens: int = 0


class ResponseUsage(OpenAIRead):
    """The tokens of all replies of the job; 0 for a function."""

    input_tokens: int
    input_tokens_details: InputTokensDetails
    output_tokens: int
    output_tokens_details: OutputTokensDetails = Field(default_factory=OutputTokensDetails)
    total_tokens: int


class ResponseError(OpenAIRead):
    """Why the job failed."""

    code: str
    message: str


class ResponseRead(OpenAIRead):
    """The answer of a skill."""

    id: str
    """`resp_` and the ID of the job without hyphens."""
    object: Literal["response"] = "response"
    created_at: int
    completed_at: int | None = None
    status: Literal["in_progress", "completed", "failed", "cancelled"]
    error: ResponseError | None = None
    incomplete_details: None = None
    instructions: str | None = None
    metadata: dict[str, str]
    model: str
    """The skill, as the request names it."""
    output: list[OutputMessage]
    parallel_tool_calls: bool = False
    previous_response_id: None = None
    store: bool = True
    temperature: None = None
    text: dict[str, Any]
    tool_choice: Literal["none"] = "none"
    tools: list[Any] = Field(default_factory=list)
    top_p: None = None
    background: bool = False
    truncation: Literal["disabled"] = "disabled"
    usage: ResponseUsage | None = None
