"""Reject the parameters that skills do not support; parameters that only tune a model are ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from backend.integrations.openai_api.chat_schemas import ChatCompletionCreate, SkillCall
from backend.integrations.openai_api.errors import UnsupportedParameter
from backend.integrations.openai_api.response_schemas import ResponseCreate

_OWN_TOOLS: Final = "A skill calls its own tools. Declare them in its skill.yaml, and remove this parameter."
_NO_LOGPROBS: Final = "Skills return no probabilities. Remove this parameter."
_NO_STORE: Final = (
    "The server stores no conversations. Remove this parameter, and send the earlier messages with each "
    "request."
)
_NO_SUCH: Final = "Skills do not support this parameter. Remove it."
_ONE: Final = "Each request is one job, which has one answer. Remove this parameter, or send 1."
_TEXT_ONLY: Final = 'The answer is always text. Remove this parameter, or send ["text"].'
_BACKGROUND: Final = "Submit a job with POST /v1/jobs instead, and read its result later."


def check_chat(body: ChatCompletionCreate) -> None:
    """Reject the parameters of Chat Completions that skills do not support.

    Raises:
        UnsupportedParameter: The request has one.
    """
    _check_shared(body)
    _reject(
        {
            "n": (body.n not in (None, 1), _ONE),
            "functions": (bool(body.functions), _OWN_TOOLS),
            "logprobs": (bool(body.logprobs), _NO_LOGPROBS),
            "logit_bias": (bool(body.logit_bias), _NO_SUCH),
            "stop": (bool(body.stop), _NO_SUCH),
            "modalities": (body.modalities not in (None, [], ["text"]), _TEXT_ONLY),
            "audio": (body.audio is not None, _TEXT_ONLY),
            "web_search_options": (body.web_search_options is not None, _OWN_TOOLS),
        }
    )


def check_response(body: ResponseCreate) -> None:
    """Reject the parameters of the Responses API that skills do not support.

    Raises:
        UnsupportedParameter: The request has one.
    """
    _check_shared(body)
    _reject(
        {
            "previous_response_id": (bool(body.previous_response_id), _NO_STORE),
            "conversation": (body.conversation is not None, _NO_STORE),
            "background": (bool(body.background), _BACKGROUND),
            "prompt": (body.prompt is not None, _NO_SUCH),
        }
    )


def _check_shared(body: SkillCall) -> None:
    _reject(
        {
            "tools": (bool(body.tools), _OWN_TOOLS),
            "tool_choice": (body.tool_choice not in (None, "auto", "none"), _OWN_TOOLS),
            "top_logprobs": (bool(body.top_logprobs), _NO_LOGPROBS),
        }
    )


def _reject(found: Mapping[str, tuple[Any, str]]) -> None:
    for name, (is_used, why) in found.items():
        if is_used:
            raise UnsupportedParameter(name, why)
