"""An upstream for runs of many steps, which stops each of them at a step of its own."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

from tests.doubles.messages import Answer, calls, says

DONE: dict[str, Any] = {"summary": "Owls fly at night.", "score": 3}
PER_REPLY_MICROS = 36
"""20 tokens at $1 a million and 2 at $5, and 20 % on top."""


class Held:
    """Calls a tool in every step but the last, and never gives the reply to one step of each topic, the first time.

    A request that is held stands at the boundary behind the step before it; `release` breaks its connection off.
    """

    def __init__(self, at: dict[str, int], *, steps: int, tool: str = "look") -> None:
        self.at = at
        self.steps = steps
        self.tool = tool
        self.release = threading.Event()
        self.held: list[str] = []
        self.replies: Counter[tuple[str, int]] = Counter()
        """How often each step of each topic was answered."""

    def __call__(self, body: dict[str, Any]) -> Answer:
        topic, step = place_of(body)
        if self.at.get(topic) == step and topic not in self.held:
            self.held.append(topic)
            return says("…").but(hold_after=0, cut_after=0, release=self.release)
        self.replies[topic, step] += 1
        return self.reply(topic, step)

    def reply(self, topic: str, step: int) -> Answer:
        """What this step of this topic is answered."""
        if step == self.steps:
            return says(calls("set_output", **DONE), input_tokens=20, output_tokens=2)
        return says(calls(self.tool, at=f"{topic}/{step}"), input_tokens=20, output_tokens=2)


def place_of(body: dict[str, Any]) -> tuple[str, int]:
    """Of which topic a request is, and of which step."""
    topic = body["messages"][0]["content"][0]["text"].split('topic: "')[1].split('"')[0]
    return topic, 1 + sum(message["role"] == "assistant" for message in body["messages"])
