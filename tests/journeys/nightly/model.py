"""Replies to the prompt of the report, for the test server of the Messages API that replaces a language model."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.doubles.messages import Answer, calls, says

PLAN = "zanzibar"
REMEMBERED = "wants formal words"


def reply(body: dict[str, Any]) -> Answer:
    """Return the reply: store the tone first, then submit a report; a prompt for riddles results in riddles."""
    prompt = json.dumps(body["messages"][0])
    customer, orders = _first(r"\b(acme|owls)\b", prompt), _first(r"(\d+) orders", prompt)
    is_remembered = REMEMBERED in prompt
    if "formal letters" in prompt and not is_remembered and len(body["messages"]) == 1:
        record = {"tone": "formal"}
        summary = f"{customer} {REMEMBERED}."
        return says(calls("memory_put", kind="customer", entity_key=customer, record=record, summary=summary))
    headline = f"{'Welcome, ' if is_remembered else ''}{customer}, {orders} orders came in"
    if "riddle" in json.dumps(body["system"]):
        headline = "What came in and did not knock?"
    if "secret plan" in prompt:
        headline = f"{customer} goes to {PLAN}"
    return says("Here it is.", calls("set_output", headline=headline, orders=int(orders)))


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found.group(1) if found else "0"
