"""Leave out parts of requests that a server does not support, and remember which.

Many servers speak these APIs without each parameter, and reject requests with others. Such a response costs nothing, so
the request is sent again without the parameter, or with its other name.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final

from openai import APIStatusError

from workers.llm.openai_api.errors import body_of

OTHER_NAMES: Final = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
"""The limit of a reply: OpenAI renamed it for reasoning models, which reject the former name."""
CHOICE: Final = "tool_choice"
"""Its replacement is structured output: the arguments of the required tool as the text of the reply."""
OPTIONAL: Final = ("stream_options", "include", CHOICE, "store", "response_format", "text")
REASONING: Final = ("reasoning_content", "reasoning_details", "reasoning")
"""Fields of earlier replies."""
CALL_IDS: Final = "tool_call_id"
"""IDs of calls that another model has chosen: Mistral accepts those with nine letters and digits only."""
_CALL_ID: Final = re.compile(r"[a-zA-Z0-9]{9}\Z")
_REJECTED_ID: Final = re.compile(r"tool call id .* must be", re.IGNORECASE)
_STATUSES: Final = frozenset({400, 404, 422, 501})
_UNSUPPORTED: Final = re.compile(
    r"unsupported|not supported|unknown|unrecogni[sz]ed|extra|not permitted|unexpected|not allowed"
    r"|not available|invalid|must be",
    re.IGNORECASE,
)
_ENCRYPTED: Final = re.compile(r"encrypted.content", re.IGNORECASE)
_MAX_SERVERS: Final = 1_000

Parts = frozenset[str]
_known: OrderedDict[tuple[str, str], Parts] = OrderedDict()
"""Rejected parts by base URL and model."""


def known(base_url: str, model: str) -> Parts:
    """Return the parts of requests that this server rejects for the model."""
    return _known.get((base_url, model), frozenset())


def remember(base_url: str, model: str, parts: Parts) -> None:
    """Remember what the server rejects, after a request without it succeeded."""
    _known[base_url, model] = parts
    _known.move_to_end((base_url, model))
    while len(_known) > _MAX_SERVERS:
        _known.popitem(last=False)


def ignores_choice(base_url: str, model: str) -> None:
    """Remember that the server accepts the requirement of a tool, but its model replies with text."""
    remember(base_url, model, known(base_url, model) | {CHOICE})


def forget_all() -> None:
    """Forget what servers reject."""
    _known.clear()


def without(
    request: dict[str, Any], parts: Parts, structured: Callable[[dict[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    """Return the request without these parts; `structured` requires the arguments of its tool as text."""
    if CHOICE in parts and CHOICE in request and not parts & {"response_format", "text"}:
        request = structured(request)
    sent = {name: value for name, value in request.items() if name not in parts}
    for name in parts & OTHER_NAMES.keys() & request.keys():
        sent[OTHER_NAMES[name]] = request[name]
    if parts.intersection(REASONING) and "messages" in sent:
        sent["messages"] = [
            {name: value for name, value in message.items() if name not in REASONING}
            for message in sent["messages"]
        ]
    if CALL_IDS in parts and "messages" in sent:
        sent["messages"] = [_with_short_ids(message) for message in sent["messages"]]
    return sent


def rejected_part(error: APIStatusError, sent: dict[str, Any]) -> str | None:
    """Return the part of the request that the server rejects, if it can be left out."""
    if error.status_code not in _STATUSES:
        return None
    body = body_of(error)
    message = str(body.get("message") or body.get("detail") or error.message)
    param = str(body.get("param") or "").partition(".")[0].partition("[")[0]
    candidates = [name for name in (*OTHER_NAMES, *OPTIONAL) if name in sent]
    if _has_reasoning(sent):
        candidates += REASONING
    if "include" in candidates and (param == "include" or _ENCRYPTED.search(message)):
        return "include"
    if _REJECTED_ID.search(message):
        return CALL_IDS
    if not _UNSUPPORTED.search(message):
        return None
    return next(
        (name for name in candidates if param == name or re.search(rf"\b{name}\b", message)),
        None,
    )


def _with_short_ids(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message whose IDs of calls have nine letters and digits, the same in the call and in its result."""
    changed = dict(message)
    if "tool_calls" in message:
        changed["tool_calls"] = [{**call, "id": _short_id(call["id"])} for call in message["tool_calls"]]
    if CALL_IDS in message:
        changed[CALL_IDS] = _short_id(message[CALL_IDS])
    return changed


def _short_id(call_id: str) -> str:
    return call_id if _CALL_ID.match(call_id) else sha256(call_id.encode()).hexdigest()[:9]


def _has_reasoning(sent: dict[str, Any]) -> bool:
    return any(name in message for message in sent.get("messages", ()) for name in REASONING)
