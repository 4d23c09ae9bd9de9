"""Chat Completions as providers and servers document it, where they differ from OpenAI.

Each form has what its public documentation, or an issue of its repository, shows. Nothing here was recorded from a
provider that needs a key.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.doubles.messages.script import Says, calls, says

Chunk = dict[str, Any]
Problem = tuple[int, Any]
"""The status and the body of a rejected request."""
_CALL_ID = re.compile(r"[a-zA-Z0-9]{9}\Z")
_MISTRAL_KEYS = {
    *("model", "messages", "max_tokens", "stream", "temperature", "tools", "tool_choice", "response_format"),
}
SIGNATURE = "c2lnbmF0dXJl"
PDF, CACHE, REFUSAL = "PDF", "Prompt cache", "Refusal"


@dataclass(frozen=True)
class Family:
    """The form of one provider or server."""

    title: str
    source: str
    """Where the form is documented."""
    problem_of: Callable[[dict[str, Any]], Problem | None] = lambda _: None
    """Returns the rejection of a request; None: it is accepted."""
    shape: Callable[[Iterator[Chunk], dict[str, Any]], Iterable[Chunk | str]] = lambda chunks, _: chunks
    """Changes the chunks of OpenAI; receives the usage of the reply."""
    thought_field: str | None = None
    """The field of a delta with reasoning; None: it is not shown."""
    undocumented: frozenset[str] = frozenset()
    """Features that its documentation does not describe for this API, so that nothing is claimed."""
    honors_choice: bool = True
    """False: `tool_choice` is accepted without effect."""

    def problem(self, body: dict[str, Any]) -> Problem | None:
        """Return the rejection of a request; None: it is accepted."""
        parts = [part for message in body["messages"] for part in message.get("content") or ()]
        has_file = any(isinstance(part, dict) and part["type"] == "file" for part in parts)
        if has_file and PDF in self.undocumented:
            return 400, {
                "error": {"message": "Invalid content type: 'file'.", "type": "invalid_request_error"}
            }
        return self.problem_of(body)

    def chosen(self, answer: Says, body: dict[str, Any]) -> Says:
        """Return the reply, which calls the tool that the request requires."""
        if not (self.honors_choice and body.get("tool_choice") == "required"):
            return answer
        return says(calls(body["tools"][0]["function"]["name"]))

    def shaped(self, chunks: Iterable[Any], usage: dict[str, Any]) -> Iterator[Any]:
        """Return the chunks of a reply in this form."""
        return iter(self.shape(self._with_thoughts(chunks), usage))

    def _with_thoughts(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        for chunk in chunks:
            for delta in _deltas(chunk):
                thought = delta.pop("reasoning_content", None)
                if thought is not None and self.thought_field is not None:
                    delta[self.thought_field] = thought
            yield chunk


def _deltas(chunk: Chunk) -> list[dict[str, Any]]:
    return [choice["delta"] for choice in chunk["choices"]]


def _reasoning_models(body: dict[str, Any]) -> Problem | None:
    """Reject the former name of the limit, as reasoning models of OpenAI do."""
    if "max_tokens" not in body:
        return None
    message = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
    error = {"message": message, "type": "invalid_request_error", "param": "max_tokens"}
    return 400, {"error": {**error, "code": "unsupported_parameter"}}


def _azure(chunks: Iterator[Chunk], _: dict[str, Any]) -> Iterator[Chunk]:
    """Add the results of the content filter: a chunk without choices, and one without a delta."""
    filtered = {"hate": {"filtered": False, "severity": "safe"}}
    results = [{"prompt_index": 0, "content_filter_results": filtered}]
    yield {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": results}
    for chunk in chunks:
        yield chunk
        if chunk["choices"] and chunk["choices"][0]["delta"].get("content"):
            offsets = {"check_offset": 0, "start_offset": 0, "end_offset": 9}
            choice = {"index": 0, "finish_reason": None, "content_filter_results": filtered}
            yield {**chunk, "choices": [{**choice, "content_filter_offsets": offsets}]}


def _signed(chunks: Iterator[Chunk], _: dict[str, Any]) -> Iterator[Chunk]:
    """Send whole calls, the first one with a signature of the thoughts before it."""
    has_signature = False
    for chunk in whole_calls(chunks):
        for delta in _deltas(chunk):
            for call in delta.get("tool_calls", []):
                if not has_signature:
                    call["extra_content"] = {"google": {"thought_signature": SIGNATURE}}
                    has_signature = True
        yield chunk


def _unsigned(body: dict[str, Any]) -> Problem | None:
    """Reject a turn of the model whose first call has lost its signature."""
    for message in body["messages"]:
        first = (message.get("tool_calls") or [None])[0]
        if first is not None and SIGNATURE not in str(first.get("extra_content")):
            text = "Function call is missing a thought_signature in functionCall parts."
            return 400, [{"error": {"code": 400, "message": text, "status": "INVALID_ARGUMENT"}}]
    return None


def _strict(body: dict[str, Any]) -> Problem | None:
    """Reject unknown parameters, and IDs of calls in another form."""
    if unknown := sorted(body.keys() - _MISTRAL_KEYS):
        detail = [
            {"type": "extra_forbidden", "loc": ["body", unknown[0]], "msg": "Extra inputs are not permitted"}
        ]
        return 422, {"object": "error", "message": {"detail": detail}, "type": "invalid_request_error"}
    for message in body["messages"]:
        given = [call["id"] for call in message.get("tool_calls") or []]
        given += [message["tool_call_id"]] if "tool_call_id" in message else []
        for call_id in given:
            if not _CALL_ID.match(call_id):
                text = f"Tool call id was {call_id} but must be a-z, A-Z, 0-9, with a length of 9."
                return 400, {
                    "object": "error",
                    "message": text,
                    "type": "invalid_function_call",
                    "code": "3280",
                }
    return None


def _typed_thoughts(chunks: Iterator[Chunk], usage: dict[str, Any]) -> Iterator[Chunk]:
    """Send reasoning as typed parts of the content, whole calls, and the usage with the end of the reply."""
    for chunk in whole_calls(chunks):
        for delta in _deltas(chunk):
            thought = delta.pop("reasoning_content", None)
            if thought is not None:
                part = {"type": "thinking", "thinking": [{"type": "text", "text": thought}]}
                delta["content"] = [part]
        if chunk["choices"] and chunk["choices"][0]["finish_reason"]:
            chunk = {**chunk, "usage": usage}
        if chunk["choices"]:
            yield chunk


def _x_groq(chunks: Iterator[Chunk], usage: dict[str, Any]) -> Iterator[Chunk]:
    """Send the usage in a field of its own, with the end of the reply."""
    for chunk in chunks:
        if chunk["choices"] and chunk["choices"][0]["finish_reason"]:
            chunk = {**chunk, "x_groq": {"id": "req_1", "usage": usage}}
        if chunk["choices"]:
            yield chunk


def _openrouter(chunks: Iterator[Chunk], _: dict[str, Any]) -> Iterator[Chunk | str]:
    """Add comments that keep the connection open, and the details of reasoning."""
    yield "OPENROUTER PROCESSING"
    for chunk in chunks:
        for delta in _deltas(chunk):
            if "reasoning" in delta:
                detail = {"type": "reasoning.text", "text": delta["reasoning"], "index": 0}
                delta["reasoning_details"] = [detail]
        yield chunk


def whole_calls(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Send each call in one chunk, as servers do that parse calls when they are complete."""
    parts: list[dict[str, Any]] = []
    for chunk in chunks:
        choice = chunk["choices"][0] if chunk["choices"] else {"delta": {}}
        for part in choice["delta"].get("tool_calls", []):
            if "id" in part:
                parts.append({**part, "function": dict(part["function"])})
            else:
                parts[-1]["function"]["arguments"] += part["function"]["arguments"]
        if "tool_calls" in choice["delta"]:
            continue
        if choice.get("finish_reason"):
            for call in parts:
                yield {
                    **chunk,
                    "choices": [{**choice, "delta": {"tool_calls": [call]}, "finish_reason": None}],
                }
        yield chunk


OPENAI = Family("OpenAI", "developers.openai.com", problem_of=_reasoning_models)
AZURE = Family(
    "Azure OpenAI",
    "learn.microsoft.com, and streamlit issue 8084",
    problem_of=_reasoning_models,
    shape=_azure,
)
GEMINI = Family(
    "Gemini",
    "ai.google.dev",
    problem_of=_unsigned,
    shape=_signed,
    undocumented=frozenset({PDF, CACHE, REFUSAL}),
)
MISTRAL = Family(
    "Mistral",
    "docs.mistral.ai, and langchain pull request 24668",
    problem_of=_strict,
    shape=_typed_thoughts,
    thought_field="reasoning_content",
    undocumented=frozenset({PDF, REFUSAL}),
)
GROQ = Family(
    "Groq",
    "console.groq.com, and vercel/ai issue 1651",
    shape=_x_groq,
    thought_field="reasoning",
    undocumented=frozenset({PDF, REFUSAL}),
)
OPENROUTER = Family("OpenRouter", "openrouter.ai/docs", shape=_openrouter, thought_field="reasoning")
OLLAMA = Family(
    "Ollama",
    "docs.ollama.com, and ollama issue 17921",
    shape=lambda chunks, _: whole_calls(chunks),
    thought_field="reasoning",
    undocumented=frozenset({PDF, CACHE, REFUSAL}),
    honors_choice=False,
)
VLLM = Family(
    "vLLM",
    "docs.vllm.ai, and vllm pull request 27752",
    thought_field="reasoning",
    undocumented=frozenset({PDF, REFUSAL}),
)
FAMILIES = (OPENAI, AZURE, GEMINI, MISTRAL, GROQ, OPENROUTER, OLLAMA, VLLM)
