"""Answer requests of the Responses API, as a whole or as typed events."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

from backend.execution.jobs.schemas import JobRead
from backend.integrations.openai_api.answers import Answer, answer_of
from backend.integrations.openai_api.calls import Call
from backend.integrations.openai_api.live_text import Ended, Piece, follow_call
from backend.integrations.openai_api.response_schemas import (
    InputTokensDetails,
    OutputMessage,
    OutputText,
    ResponseCreate,
    ResponseError,
    ResponseRead,
    ResponseUsage,
)
from backend.integrations.openai_api.sse import HEARTBEAT, error_body, frame
from backend.integrations.openai_api.tokens import tokens_of
from backend.skills.manifest.types import Skill


def answer_format(skill: Skill, body: ResponseCreate) -> Answer:
    """Return the format of the answer that the request requires.

    Raises:
        ResponseFormatMismatch: The skill does not promise results in this format.
    """
    wanted = body.text.format if body.text else None
    if wanted is None:
        return Answer(skill, is_json=False)
    return answer_of(skill, wanted.type, wanted.json_schema, parameter="text.format")


def response(call: Call, body: ResponseCreate, job: JobRead) -> ResponseRead:
    """Return the answer of a job that has succeeded."""
    message = _message(call, 1, call.answer.text(job), phase="final_answer")
    return _read(call, body, job=job, output=[message])


async def events(call: Call, body: ResponseCreate) -> AsyncIterator[bytes]:
    """Iterate over the frames of a stream."""
    stream = _Stream(call, body)
    for event in stream.start():
        yield event
    async with aclosing(follow_call(call)) as pieces:
        async for piece in pieces:
            if piece is None:
                yield HEARTBEAT
                continue
            for event in stream.piece(piece) if isinstance(piece, Piece) else stream.end(piece):
                yield event


class _Stream:
    """Numbers the events of a stream, and collects its output: one message per segment."""

    def __init__(self, call: Call, body: ResponseCreate) -> None:
        self._call = call
        self._body = body
        self._created_at = int(time.time())
        self._number = 0
        self._segment = 0
        self._text = ""
        self._output: list[OutputMessage] = []

    def start(self) -> Iterator[bytes]:
        """Iterate over the events before the first text."""
        for name in ("response.created", "response.in_progress"):
            yield self._event(name, response=self._response())

    def piece(self, piece: Piece) -> Iterator[bytes]:
        """Iterate over the events of a piece of text."""
        if piece.segment != self._segment:
            yield from self._close("commentary")
            yield from self._open(piece.segment)
        self._text += piece.text
        yield self._part_event("response.output_text.delta", delta=piece.text, logprobs=[])

    def end(self, ended: Ended) -> Iterator[bytes]:
        """Iterate over the last events."""
        error = ended.error
        if error is None:
            yield from self._close("final_answer")
            yield self._event("response.completed", response=self._response(ended.job))
            return
        yield from self._close("commentary")
        body = error_body(error)
        failure = ResponseError(code=str(body["code"]), message=str(body["message"]))
        yield self._event("response.failed", response=self._response(ended.job, error=failure))

    def _open(self, segment: int) -> Iterator[bytes]:
        self._segment, self._text = segment, ""
        item = _message(self._call, segment, None)
        yield self._event("response.output_item.added", output_index=segment - 1, item=item.model_dump())
        yield self._part_event("response.content_part.added", part=OutputText(text="").model_dump())

    def _close(self, phase: Any) -> Iterator[bytes]:
        if self._segment == 0:
            return
        item = _message(self._call, self._segment, self._text, phase=phase)
        self._output.append(item)
        yield self._part_event("response.output_text.done", text=self._text, logprobs=[])
        yield self._part_event("response.content_part.done", part=item.content[0].model_dump())
        yield self._event("response.output_item.done", output_index=self._segment - 1, item=item.model_dump())

    def _part_event(self, name: str, **fields: Any) -> bytes:
        item_id = _item_id(self._call, self._segment)
        return self._event(name, item_id=item_id, output_index=self._segment - 1, content_index=0, **fields)

    def _event(self, name: str, **fields: Any) -> bytes:
        data = {"type": name, "sequence_number": self._number, **fields}
        self._number += 1
        return frame(data, name)

    def _response(self, job: JobRead | None = None, error: ResponseError | None = None) -> dict[str, Any]:
        read = _read(self._call, self._body, job=job, output=self._output, error=error)
        return read.model_copy(update={"created_at": self._created_at}).model_dump()


def _read(
    call: Call,
    body: ResponseCreate,
    *,
    job: JobRead | None,
    output: list[OutputMessage],
    error: ResponseError | None = None,
) -> ResponseRead:
    wanted = body.text.format if body.text else None
    has_succeeded = job is not None and job.status == "succeeded"
    return ResponseRead(
        id=f"resp_{call.job_id.hex}",
        created_at=int(time.time() if job is None else job.created_at.timestamp()),
        completed_at=int(job.finished_at.timestamp()) if has_succeeded and job and job.finished_at else None,
        status="in_progress" if job is None else "completed" if has_succeeded else "failed",
        error=error,
        instructions=body.instructions,
        metadata=dict(body.metadata or {}),
        model=body.model,
        output=output,
        text={
            "format": {"type": "text"}
            if wanted is None
            else wanted.model_dump(by_alias=True, exclude_none=True)
        },
        usage=None if job is None else _usage(job),
    )


def _message(call: Call, segment: int, text: str | None, *, phase: Any = None) -> OutputMessage:
    """Return the message of a segment; without a text it has only started."""
    return OutputMessage(
        id=_item_id(call, segment),
        status="in_progress" if text is None else "completed",
        phase=phase,
        content=[] if text is None else [OutputText(text=text)],
    )


def _item_id(call: Call, segment: int) -> str:
    return f"msg_{call.job_id.hex}_{segment}"


def _usage(job: JobRead) -> ResponseUsage:
    tokens = tokens_of(job)
    return ResponseUsage(
        input_tokens=tokens.prompt,
        input_tokens_details=InputTokensDetails(
            cached_tokens=tokens.cache_read, cache_write_tokens=tokens.cache_write
        ),
        output_tokens=tokens.output,
        total_tokens=tokens.prompt + tokens.output,
    )
