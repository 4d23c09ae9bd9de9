"""The validation of requests by the API, for the parts that clients get wrong."""

from __future__ import annotations

from typing import Any

_KEYS = {
    *(
        "model",
        "max_tokens",
        "messages",
        "system",
        "tools",
        "tool_choice",
        "stream",
        "stop_sequences",
        "metadata",
    ),
    *("thinking", "context_management", "cache_control", "output_config", "service_tier", "container"),
}
MAX_CACHE_MARKS = 4


def problem(body: dict[str, Any], *, betas: str) -> str | None:
    """Return the first error of the request."""
    unknown = sorted(body.keys() - _KEYS)
    if unknown:
        return f"{unknown[0]}: Extra inputs are not permitted"
    if not isinstance(body.get("max_tokens"), int) or body["max_tokens"] < 1:
        return "max_tokens: Input should be greater than or equal to 1"
    if "context_management" in body and "context-management-2025-06-27" not in betas:
        return "context_management: Extra inputs are not permitted"
    if _cache_marks(body) > MAX_CACHE_MARKS:
        return f"A maximum of {MAX_CACHE_MARKS} blocks with cache_control may be provided."
    return _tools_problem(body.get("tools", [])) or _messages_problem(body.get("messages", []))


def _tools_problem(tools: list[dict[str, Any]]) -> str | None:
    names = [tool.get("name") for tool in tools]
    if len(set(names)) != len(names):
        return "tools: Tool names must be unique."
    for number, tool in enumerate(tools):
        if "input_schema" in tool and tool["input_schema"].get("type") != "object":
            return f"tools.{number}.custom.input_schema.type: Input should be 'object'"
    return None


def _messages_problem(messages: list[dict[str, Any]]) -> str | None:
    if not messages or messages[0]["role"] != "user":
        return "messages: first message must use the user role"
    open_calls: set[str] = set()
    for number, message in enumerate(messages):
        blocks = _blocks(message)
        if not blocks:
            return f"messages.{number}: content must not be empty"
        for block in blocks:
            if block["type"] == "text" and not block["text"].strip():
                return f"messages.{number}: text content blocks must contain non-whitespace text"
        with_results = {block["tool_use_id"] for block in blocks if block["type"] == "tool_result"}
        if missing := open_calls - with_results:
            return (
                f"messages.{number}: `tool_use` ids were found without `tool_result` blocks: {min(missing)}"
            )
        if extra := with_results - open_calls:
            return f"messages.{number}: unexpected `tool_use_id` found in `tool_result` blocks: {min(extra)}"
        open_calls = {block["id"] for block in blocks if block["type"] == "tool_use"}
    return None if not open_calls else "messages: final `tool_use` blocks without `tool_result` blocks"


def _blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _cache_marks(body: dict[str, Any]) -> int:
    system = body.get("system") or []
    blocks = [*([] if isinstance(system, str) else system), *body.get("tools", [])]
    for message in body.get("messages", []):
        blocks += _blocks(message)
    return sum("cache_control" in block for block in blocks)
