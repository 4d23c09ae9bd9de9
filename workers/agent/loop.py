"""The loop of an agent: the model says something, its calls are made, it is told what they gave, until it is done.

A run that was interrupted takes the same way again: what its journal holds is not asked for a second time, so that it
arrives where it was, and goes on from there. Whatever else ends it is a `Stop` or a `Pause`.
"""

from __future__ import annotations

import itertools
from typing import Any, Final

from workers.agent.assignment import AgentAssignment
from workers.agent.conversation import Conversation, calls_of, text_of, told
from workers.agent.finish_tool import FinishTool
from workers.agent.llm_client import LLMClient
from workers.agent.stop_reasons import NoOutput, Truncated
from workers.agent.toolbox import Toolbox
from workers.llm.types import Block, Reply

MAX_NUDGES: Final = 2
MAX_CUTS: Final = 5
"""Replies that are cut off one after the other."""
GO_ON: Final = (
    "Your reply was cut off at its limit of tokens. Go on exactly where it stopped; a call of a tool that was not "
    "whole has to be made again, in smaller pieces."
)
HAND_IN: Final = (
    "You ended without handing in a result. Call set_output with it now; if the task cannot be done, say so in the "
    "fields of the result."
)
MOVED: Final = (
    "Note: this run was interrupted and goes on elsewhere. Files that you made or changed before this point are gone"
    "{unless}, and so are processes that you started. Look what is there, and make again what you still need."
)
CUT: Final = "max_tokens"
PAUSED: Final = "pause_turn"
GOES_ON: Final = (CUT, PAUSED)
"""Reasons for which a reply stopped that are not its end."""


async def converse(
    talk: Conversation, speaker: LLMClient, tools: Toolbox, finish: FinishTool, assignment: AgentAssignment
) -> Any:
    """Let the model work until it hands in its result.

    Raises:
        Stop: it may not go on, or has nothing to hand in.
        Pause: the run goes on later.
        AttemptLost: it goes on elsewhere already.
    """
    job = str(assignment.job_id)
    patience = _Patience()
    for step in itertools.count(1):
        reply = await speaker.reply(step, talk, tools.specs)
        calls = calls_of(reply, step=step, job=job)
        if calls:
            results = await tools.run(calls)
            if results.is_finished:
                return results.value
            if results.misfits:
                await speaker.note_failures(results.misfits, step=step)
            patience.renew()
            talk = talk.after(reply, results.blocks + await _note(step, assignment))
            continue
        words = patience.words_with(reply)
        if reply.stop_reason not in GOES_ON and (value := finish.from_words(words)) is not None:
            value, complaint = await tools.let_out(value, step)
            if complaint is None:
                return value
            talk = talk.after(reply, told(complaint))
            continue
        talk = talk.after(reply, patience.answer(reply))
    raise AssertionError("unreachable: the steps have no end of their own")


class _Patience:
    """How often in a row a model may say nothing that leads on."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """It has done something."""
        self._nudges = self._cuts = 0
        self._words = ""

    def words_with(self, reply: Reply) -> str:
        """What it has said by now, with the pieces of a reply that was cut off put together."""
        words = self._words + text_of(reply)
        self._words = words if reply.stop_reason in GOES_ON else ""
        return words.strip()

    def answer(self, reply: Reply) -> list[Block]:
        """What it is told; nothing when it only paused.

        Raises:
            Stop: it was told often enough.
        """
        if reply.stop_reason == PAUSED:
            return []
        if reply.stop_reason == CUT:
            self._cuts += 1
            if self._cuts >= MAX_CUTS:
                raise Truncated(self._cuts, reply.tokens.output)
            return told(GO_ON)
        self._nudges += 1
        if self._nudges > MAX_NUDGES:
            raise NoOutput(MAX_NUDGES)
        return told(HAND_IN)


async def _note(step: int, assignment: AgentAssignment) -> list[Block]:
    """What the model is told beside the first results after an interruption; the same whenever the run is repeated."""
    journal = assignment.journal
    words = journal.note(step)
    if words is None and step == journal.last_step and assignment.attempt > journal.opened_by:
        words = MOVED.format(unless="" if assignment.has_own_drive else " unless they are in ./drive")
        await journal.keep_note(step, words)
    return told(words) if words else []
