"""Requests and responses of Chat Completions."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import Text
from backend.execution.jobs.schemas import MAX_NAME

MAX_MESSAGES = 1_000


class OpenAIBody(Schema):
    """A part of a request in the format of OpenAI. Fields that are not listed are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class OpenAIRead(Schema):
    """A part of a response in the format of OpenAI."""


class OpenAIImageUrl(OpenAIBody):
    """An image."""

    url: Text
    """An `https:` or `data:` URL."""


class OpenAIFile(OpenAIBody):
    """A file."""

    file_data: Text | None = None
    """A `data:` URL, or base64."""
    file_id: Text | None = None
    """A path in the drive of the project."""
    filename: Text | None = None


class OpenAIAudio(OpenAIBody):
    """A recording."""

    data: Text
    """Base64."""
    format: Text
    """`wav` or `mp3`."""


class ChatPart(OpenAIBody):
    """A part of a message."""

    type: Text
    """`text`, `image_url`, `file`, `input_audio` or `refusal`."""
    text: Text | None = None
    refusal: Text | None = None
    image_url: OpenAIImageUrl | None = None
    file: OpenAIFile | None = None
    input_audio: OpenAIAudio | None = None


class ChatMessage(OpenAIBody):
    """A message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Text | list[ChatPart] | None = None
    tool_calls: list[Any] | None = None
    """Rejected if not empty: a skill has its own tools."""


class JsonSchemaFormat(OpenAIBody):
    """A schema that the result must be valid for."""

    name: Text | None = None
    json_schema: dict[str, Any] | None = Field(default=None, alias="schema")
    """Each result of the skill must be valid for it, as its `output_schema` promises."""


class ResponseFormat(OpenAIBody):
    """The form of the answer."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: JsonSchemaFormat | None = None


class StreamOptions(OpenAIBody):
    """Options of a stream."""

    include_usage: bool | None = None
    """Send the usage in a last chunk without choices."""


class SkillCall(OpenAIBody):
    """What the requests of both APIs share."""

    model: Text = Field(min_length=1, max_length=MAX_NAME)
    """The skill: `skill`, or `skillpack/skill`."""
    stream: bool | None = None
    metadata: dict[str, Text] | None = None
    """Metadata of the job."""
    inputs: dict[str, Any] | None = None
    """Not in OpenAI's API (`extra_body` in the SDKs): inputs of the skill in addition to the text of the last
    message."""
    tools: list[Any] | None = None
    """Rejected if not empty: a skill has its own tools."""
    tool_choice: Any = None
    """Rejected unless it is `auto` or `none`."""
    top_logprobs: int | None = None
    """Rejected if not 0."""


class ChatCompletionCreate(SkillCall):
    """Body of `POST /v1/openai/chat/completions`.

    Parameters of the model, such as `temperature`, `max_tokens` and `reasoning_effort`, are ignored: the skill sets
    them.
    """

    messages: list[ChatMessage] = Field(min_length=1, max_length=MAX_MESSAGES)
    """The conversation; the last message is the user's."""
    stream_options: StreamOptions | None = None
    response_format: ResponseFormat | None = None
    n: int | None = None
    """Rejected unless it is 1."""
    functions: list[Any] | None = None
    """Rejected if not empty."""
    logprobs: bool | None = None
    """Rejected if true."""
    logit_bias: dict[str, Any] | None = None
    """Rejected if not empty."""
    stop: Text | list[Text] | None = None
    """Rejected if not empty."""
    modalities: list[Text] | None = None
    """Rejected unless it is `["text"]`."""
    audio: Any = None
    """Rejected."""
    web_search_options: Any = None
    """Rejected."""


class PromptTokensDetails(OpenAIRead):
    """Details of `prompt_tokens`."""

    cached_tokens: int
    """Tokens that were read from the cache."""


class CompletionTokensDetails(OpenAIRead):
    """Details of `completion_tokens`."""

    reasoning_tokens: int = 0


class CompletionUsage(OpenAIRead):
    """The tokens of all replies of the job; 0 for a function."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails
    completion_tokens_details: CompletionTokensDetails = Field(default_factory=CompletionTokensDetails)


class AssistantMessage(OpenAIRead):
    """The answer."""

    role: Literal["assistant"] = "assistant"
    content: str
    """A text, or the result of the skill as JSON."""
    refusal: None = None


class Choice(OpenAIRead):
    """The only choice."""

    index: int = 0
    message: AssistantMessage
    finish_reason: Literal["stop"] = "stop"
    logprobs: None = None


class ChatCompletion(OpenAIRead):
    """The answer of a skill."""

    id: str
    """`chatcmpl-` and the ID of the job without hyphens."""
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    """The skill, as the request names it."""
    choices: list[Choice]
    usage: CompletionUsage


class Model(OpenAIRead):
    """A skill that the key can call."""

    id: str
    """Name of the skill: `skill`, or `skillpack/skill` outside of the default skillpack."""
    object: Literal["model"] = "model"
    created: int
    """When its version was created, in seconds since 1970."""
    owned_by: str
    """Slug of the skillpack."""
    description: str = ""


class ModelList(OpenAIRead):
    """The skills that the key can call."""

    object: Literal["list"] = "list"
    data: list[Model]
