"""An upstream for agent runs of many steps, which holds the reply to one step of each run."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

from tests.doubles.messages import Answer, calls, says

DONE: dict[str, Any] = {"summary": "Owls fly at night.", "score": 3}
PER_REPLY_MICROS = 36
"""20 tokens at $1 per million and 2 at $5, plus 20 %."""


class Held:
    """Call a tool in every step but the last; hold the reply to one step of each topic the first time.

    While a reply is held, the run is between two steps; `release` drops the connection of the held request.
    """

    def __init__(self, at: dict[str, int], *, steps: int, tool: str = "look") -> None:
        self.at = at
        self.steps = steps
        self.tool = tool
        self.release = threading.Event()
        self.held: list[str] = []
        self.replies: Counter[tuple[str, int]] = Counter()
        """The number of replies to each step of each topic."""

    def __call__(self, body: dict[str, Any]) -> Answer:
        """Return the reply to a request, or a held one."""
        topic, step = place_of(body)
        if self.at.get(topic) == step and topic not in self.held:
            self.held.append(topic)
            return says("…").but(hold_after=0, cut_after=0, release=self.release)
        self.replies[topic, step] += 1
        return self.reply(topic, step)

    def reply(self, topic: str, step: int) -> Answer:
        """Return the reply to this step of this topic."""
        if step == self.steps:
            return says(calls("set_output", **DONE), input_tokens=20, output_tokens=2)
        return says(calls(self.tool, at=f"{topic}/{step}"), input_tokens=20, output_tokens=2)


def place_of(body: dict[str, Any]) -> tuple[str, int]:
    """Return the topic and the step of a request."""
    topic = body["messages"][0]["content"][0]["text"].split('topic: "')[1].split('"')[0]
    return topic, 1 + sum(message["role"] == "assistant" for message in body["messages"])
