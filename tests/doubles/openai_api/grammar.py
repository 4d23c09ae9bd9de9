"""The validation of requests by the APIs, for the parts that clients get wrong, and their canonical form."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

_KEYS = {
    "chat": {
        *("model", "messages", "max_tokens", "max_completion_tokens", "stream", "stream_options", "tools"),
        *("tool_choice", "response_format", "temperature"),
    },
    "responses": {
        *("model", "input", "instructions", "max_output_tokens", "stream", "store", "include", "tools"),
        *("tool_choice", "text"),
    },
}
_PARTS = {"text", "image_url", "file", "input_text", "input_image", "input_file", "output_text", "refusal"}


class Wrong(Exception):
    """The request is invalid."""


def canonical(body: dict[str, Any], api: str) -> dict[str, Any]:
    """Return the request in the form of the Messages API.

    Raises:
        Wrong: it is invalid.
    """
    if unknown := sorted(body.keys() - _KEYS[api]):
        raise Wrong(f"Unknown parameter: '{unknown[0]}'.")
    if body.get("stream") is not True:
        raise Wrong("these tests stream every reply")
    messages = list(_of_chat(body) if api == "chat" else _of_responses(body))
    _check_calls(messages)
    return {"model": body["model"], "messages": _merged(messages), "tools": _tools(body, api)}


def _tools(body: dict[str, Any], api: str) -> list[dict[str, Any]]:
    tools = body.get("tools", [])
    functions = [tool["function"] if api == "chat" else tool for tool in tools]
    if any(tool["type"] != "function" for tool in tools):
        raise Wrong("tools: unknown type")
    if any(one["parameters"].get("type") != "object" for one in functions):
        raise Wrong("tools: parameters must be an object")
    return [{"name": one["name"], "input_schema": one["parameters"]} for one in functions]


def _of_chat(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for message in body["messages"]:
        match message["role"]:
            case "system":
                continue
            case "user":
                yield {"role": "user", "content": _parts(message["content"])}
            case "assistant":
                yield {"role": "assistant", "content": [*_parts(message["content"]), *_calls(message)]}
            case "tool":
                if not isinstance(message["content"], str):
                    raise Wrong("the content of a tool message is text")
                yield {"role": "user", "content": [_result(message["tool_call_id"], message["content"])]}


def _of_responses(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if body.get("store") is not False:
        raise Wrong("store must be false: nothing may be stored there")
    for item in body["input"]:
        match item["type"]:
            case "message":
                yield {"role": item["role"], "content": _parts(item["content"])}
            case "reasoning":
                if not item.get("encrypted_content"):
                    raise Wrong(f"Item '{item.get('id')}' not found: it is not stored.")
                thought = {"type": "thinking", "signature": item["encrypted_content"]}
                yield {"role": "assistant", "content": [thought]}
            case "function_call":
                yield {"role": "assistant", "content": [_use(item["call_id"], item)]}
            case "function_call_output":
                yield {"role": "user", "content": [_result(item["call_id"], item["output"])]}


def _calls(message: dict[str, Any]) -> list[dict[str, Any]]:
    return [_use(call["id"], call["function"]) for call in message.get("tool_calls", [])]


def _use(call_id: str, function: dict[str, Any]) -> dict[str, Any]:
    arguments = json.loads(function["arguments"])
    return {"type": "tool_use", "id": call_id, "name": function["name"], "input": arguments}


def _result(call_id: str, content: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": content}


def _parts(content: Any) -> list[dict[str, Any]]:
    if content is None or content == "":
        return []
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    for part in content:
        if part["type"] not in _PARTS:
            raise Wrong(f"unknown part {part['type']!r}")
    return [{"type": "text", "text": part["text"]} if "text" in part["type"] else part for part in content]


def _check_calls(messages: list[dict[str, Any]]) -> None:
    """Check that each call has a result before anything else follows."""
    if not messages or messages[0]["role"] != "user":
        raise Wrong("the first message must be of the user")
    open_calls: set[str] = set()
    for message in messages:
        results = {block["tool_use_id"] for block in message["content"] if block["type"] == "tool_result"}
        if results - open_calls:
            raise Wrong(f"No tool call found for the output of {min(results - open_calls)}.")
        open_calls -= results
        if open_calls and message["role"] == "user" and not results:
            raise Wrong(f"No tool output found for the call {min(open_calls)}.")
        open_calls |= {block["id"] for block in message["content"] if block["type"] == "tool_use"}
    if open_calls:
        raise Wrong(f"No tool output found for the call {min(open_calls)}.")


def _merged(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join what one side said in several messages or items."""
    merged: list[dict[str, Any]] = []
    for message in messages:
        if merged and merged[-1]["role"] == message["role"]:
            merged[-1] = {**message, "content": [*merged[-1]["content"], *message["content"]]}
        else:
            merged.append(message)
    return merged
