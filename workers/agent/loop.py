"""Run the agent loop: a reply of the model, its tool calls, their results, until a result is accepted.

A resumed run repeats the same steps with the replies and results in its journal, and continues from there. Other ends
of a run are a `Stop` or a `Pause`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Final

from workers.agent.assignment import AgentAssignment
from workers.agent.conversation import Conversation, calls_of, text_blocks, text_of
from workers.agent.finish_tool import NAME as FINISH
from workers.agent.finish_tool import FinishTool
from workers.agent.llm_client import LLMClient
from workers.agent.stop_reasons import NoOutput, Truncated
from workers.agent.toolbox import Toolbox
from workers.llm.types import Block, Reply

MAX_NUDGES: Final = 2
MAX_CUTS: Final = 6
"""Consecutive replies that are cut off."""
LAST_CUTS: Final = 2
"""The last ones of them, which must submit a result: the first one may show that the model ignores this."""
CONTINUE: Final = (
    "Your reply was cut off at its token limit. Continue exactly where it stopped. Repeat a tool call that "
    "was incomplete, in smaller parts."
)
SHORTEN: Final = (
    "Your replies were cut off at their token limit {times} times in a row. Call set_output now, with a result that is "
    "short enough for one reply."
)
SUBMIT: Final = (
    "You ended without submitting a result. Call set_output with the result now. If the task cannot be "
    "done, explain why in the fields of the result."
)
MOVED: Final = (
    "Note: this run was interrupted and continues in another sandbox. Files that you created or changed "
    "before this point are lost{unless}, and so are processes that you started. Check which files exist, "
    "and create again what you still need."
)
CUT: Final = "max_tokens"
PAUSED: Final = "pause_turn"
INCOMPLETE: Final = (CUT, PAUSED)
"""Stop reasons of replies that are not complete."""


async def run_agent(
    conversation: Conversation,
    llm_client: LLMClient,
    tools: Toolbox,
    finish: FinishTool,
    assignment: AgentAssignment,
) -> Any:
    """Run the agent until its result is accepted.

    Raises:
        Stop: a limit is reached, or there is no result.
        Pause: the run continues later.
        AttemptLost: the attempt is not the running one any more.
    """
    job = str(assignment.job_id)
    repeats = _RepeatLimit()
    for step in itertools.count(1):
        reply = await llm_client.reply(step, conversation, tools.specs, forced_tool=repeats.forced_tool)
        calls = calls_of(reply, step=step, job=job)
        if calls:
            results = await tools.run(calls)
            if results.is_finished:
                return results.value
            if results.mismatches:
                await llm_client.note_failures(results.mismatches, step=step)
            repeats.reset()
            repeats.note_rejections(results.rejections)
            conversation = conversation.after(reply, results.blocks + await _note(step, assignment))
            continue
        text = repeats.text_with(reply)
        if reply.stop_reason not in INCOMPLETE and (value := finish.from_text(text)) is not None:
            value, complaint = await tools.release_result(value, step)
            if complaint is None:
                return value
            conversation = conversation.after(reply, text_blocks(complaint))
            continue
        conversation = conversation.after(reply, repeats.response(reply))
    raise AssertionError("unreachable: the steps have no end of their own")


class _RepeatLimit:
    """Limits consecutive replies without progress."""

    def __init__(self) -> None:
        self._rejections: list[str] = []
        self.reset()

    def reset(self) -> None:
        """Reset the counts after a reply with progress."""
        self._nudges = self._cuts = 0
        self._text_of = ""

    def note_rejections(self, reasons: Sequence[str]) -> None:
        """Remember why results were rejected, since the run may end without another one."""
        self._rejections += reasons

    @property
    def forced_tool(self) -> str | None:
        """The tool that the next reply must call: after prose instead of a result, that which submits one.

        After repeated cuts, too: the schema of the result then limits the reply, where the model has to follow it.
        """
        return FINISH if self._nudges or self._cuts >= MAX_CUTS - LAST_CUTS else None

    def text_with(self, reply: Reply) -> str:
        """Return the text so far, with the parts of a reply that was cut off joined."""
        text = self._text_of + text_of(reply)
        self._text_of = text if reply.stop_reason in INCOMPLETE else ""
        return text.strip()

    def response(self, reply: Reply) -> list[Block]:
        """Return the reminder for the model; nothing if it only paused.

        Raises:
            Stop: the model was reminded often enough.
        """
        if reply.stop_reason == PAUSED:
            return []
        if reply.stop_reason == CUT:
            self._cuts += 1
            if self._cuts >= MAX_CUTS:
                raise Truncated(self._cuts, reply.tokens.output)
            return text_blocks(SHORTEN.format(times=self._cuts) if self.forced_tool else CONTINUE)
        self._nudges += 1
        if self._nudges > MAX_NUDGES:
            raise NoOutput(MAX_NUDGES, self._rejections)
        return text_blocks(SUBMIT)


async def _note(step: int, assignment: AgentAssignment) -> list[Block]:
    """Return the note for the first results after an interruption; it is the same whenever the run is repeated."""
    journal = assignment.journal
    text = journal.note(step)
    if assignment.has_own_copy:  # nothing is lost
        return []
    if text is None and step == journal.last_step and assignment.attempt > journal.first_attempt:
        text = MOVED.format(unless="" if assignment.has_staged_drive else " unless they are in ./drive")
        await journal.store_note(step, text)
    return text_blocks(text) if text else []
