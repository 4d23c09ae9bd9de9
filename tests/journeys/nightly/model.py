"""What a language model says to the report's prompt: it stands in for one behind the Messages API on a socket."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.doubles.messages import Answer, calls, says

PLAN = "zanzibar"
REMEMBERED = "wants formal words"


def answer(body: dict[str, Any]) -> Answer:
    """Remember the tone at first, then hand in a report; a prompt that asks for riddles gets them."""
    told = json.dumps(body["messages"][0])
    customer, orders = _first(r"\b(acme|owls)\b", told), _first(r"(\d+) orders", told)
    knows = REMEMBERED in told
    if "formal letters" in told and not knows and len(body["messages"]) == 1:
        record = {"tone": "formal"}
        summary = f"{customer} {REMEMBERED}."
        return says(calls("memory_put", kind="customer", entity_key=customer, record=record, summary=summary))
    headline = f"{'Dear ' if knows else ''}{customer}, {orders} orders came in"
    if "riddle" in json.dumps(body["system"]):
        headline = "What came in and did not knock?"
    if "secret plan" in told:
        headline = f"{customer} goes to {PLAN}"
    return says("Here it is.", calls("set_output", headline=headline, orders=int(orders)))


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found.group(1) if found else "0"
