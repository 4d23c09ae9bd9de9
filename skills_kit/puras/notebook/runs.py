"""Runs of a skill: in this kernel, or as a job of an instance, whose handle outlives the kernel."""

from __future__ import annotations

import contextlib
import io
import json
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import uuid4

from puras.client.errors import PurasAPIError
from puras.notebook.errors import CellRefused, RunFailed
from puras.notebook.instance import Event, Instance, connect
from puras.notebook.show import Screen
from puras.notebook.trace import Trace

__all__ = ["JobRun", "LocalRun", "attach", "run_here"]

_PRINTED: Final = threading.Lock()
"""What a function prints is taken from the whole kernel: one of them at a time."""


def attach(job_id: str, *, instance: Instance | None = None, show: bool = True) -> JobRun:
    """The run of a job, whoever has submitted it and whenever: what it has told already, then what is still to come.

    Raises:
        PurasAPIError: the job is not there, or there is no key.
    """
    run = JobRun(instance or connect(), job_id)
    run.job()
    return run.follow(show=show)


class JobRun:
    """A job of an instance."""

    def __init__(self, instance: Instance, job_id: str, title: str = "") -> None:
        self.id = job_id
        self.instance = instance
        self.events: list[Event] = []
        self.trace = Trace(title or f"job {job_id}")
        self._job: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return f"<job {self.id} · {self.trace.status} · puras.attach({self.id!r}) finds it again>"

    def _repr_html_(self) -> str:
        return self.trace.html()

    def follow(self, *, show: bool = True, on_change: Callable[[Trace], None] | None = None) -> JobRun:
        """Wait for the end of the job, and show what it tells meanwhile.

        An interrupt ends the waiting, not the job.
        """
        screen = Screen(self.trace, on_change) if show or on_change else None
        try:
            for event in self.instance.stream(self.id):
                if event.id:
                    if self.events and event.id <= self.events[-1].id:
                        continue  # followed before
                    self.events.append(event)
                self.trace.tell(event.type, event.payload)
                if screen:
                    screen.refresh()
        except KeyboardInterrupt:
            self.trace.tell("log", {"text": f"not followed any more; puras.attach({self.id!r}) goes on"})
            if screen:
                screen.finish()
            raise
        self._settle()
        if screen:
            screen.finish()
        return self

    def job(self) -> dict[str, Any]:
        """The job as the API has it; asked for anew until it has ended."""
        if self._job is None or self._job["finished_at"] is None:
            self._job = self.instance.ask("GET", f"/v1/jobs/{self.id}")
        return self._job

    @property
    def status(self) -> str:
        """How it stands."""
        return str(self.job()["status"])

    @property
    def result(self) -> Any:
        """What the skill gave; waits for it.

        Raises:
            RunFailed: it gave nothing.
        """
        if self.job()["finished_at"] is None:
            self.follow(show=False)
        job = self.job()
        if job["status"] != "succeeded":
            raise RunFailed(
                self.id,
                job["status"],
                f"{job['skill_name']} {job['status']} ({job['error_code']}): {job['error']}",
            )
        return job["result"]

    @property
    def cost_usd(self) -> float:
        """What it has cost, with everything that it called."""
        return float(self.job()["cost_usd"])

    @property
    def page(self) -> str:
        """Where the studio shows it."""
        return self.instance.job_page(self.id)

    def cancel(self) -> None:
        """End it."""
        self.instance.ask("POST", f"/v1/jobs/{self.id}/cancel")

    def fork(
        self, step: int, edits: list[dict[str, Any]] | None = None, *, show: bool = True, **changes: Any
    ) -> JobRun:
        """A new job that stands where this one stood behind a step, with what is changed; follows it."""
        body = {"step": step, "edits": edits or [], **changes}
        return self._new(self.instance.ask("POST", f"/v1/jobs/{self.id}/fork", body), show=show)

    def replay(self, version: int | None = None, *, show: bool = True) -> JobRun:
        """The same skill on the same inputs again; follows it."""
        answer = self.instance.ask("POST", f"/v1/jobs/{self.id}/replay", {}, query={"version": version})
        return self._new(answer, show=show)

    def keep_as_case(self, **case: Any) -> dict[str, Any]:
        """Make it a case of its skill's evals: its result is what is expected from then on, or `expected=`."""
        kept: dict[str, Any] = self.instance.ask("POST", f"/v1/jobs/{self.id}/eval-case", case)
        return kept

    def _new(self, answer: Mapping[str, Any], *, show: bool) -> JobRun:
        job_id = str(answer.get("id") or answer.get("job_id"))
        return JobRun(self.instance, job_id).follow(show=show)

    def _settle(self) -> None:
        """What was billed in the end is more than what the events told: media, searches, jobs that it called."""
        with contextlib.suppress(PurasAPIError):
            job = self.job()
            self.trace.status = job["status"]
            self.trace.cost_micros = int(job["cost_micros"])
            self.trace.simulation = job.get("simulation") or ""


class LocalRun:
    """A call of a skill's function in this kernel; it costs nothing and is stored nowhere."""

    def __init__(self, title: str) -> None:
        self.id = f"local-{uuid4().hex[:8]}"
        self.trace = Trace(title)
        self.events: list[Event] = []
        self.cost_usd = 0.0
        self.duration_s = 0.0
        self.error: str | None = None
        self.told: Callable[[], None] | None = None
        """Hears of each event."""
        self._result: Any = None

    def __repr__(self) -> str:
        return f"<{self.trace.title} · {self.status} · {self.duration_s * 1000:.0f} ms>"

    def _repr_html_(self) -> str:
        return self.trace.html()

    @property
    def status(self) -> str:
        """`succeeded` or `failed`."""
        return self.trace.status

    @property
    def result(self) -> Any:
        """What the function gave.

        Raises:
            RunFailed: it raised, or gave what JSON cannot say.
        """
        if self.error is not None:
            raise RunFailed(self.id, self.status, self.error)
        return self._result

    def record(self, kind: str, payload: dict[str, Any]) -> None:
        """Take what happened."""
        self.events.append(Event(len(self.events) + 1, kind, payload))
        self.trace.tell(kind, payload)
        if self.told:
            self.told()

    def settle(self, value: Any, error: BaseException | None) -> None:
        """The end of it."""
        if error is None:
            try:
                self._result = json.loads(json.dumps(value, allow_nan=False))
            except (TypeError, ValueError) as unfit:
                error = CellRefused(f"The function gave what JSON cannot say: {unfit}.")
        if error is None:
            self.record("succeeded", {})
            return
        self.error = f"{type(error).__name__}: {error}"
        self.record("failed", {"code": type(error).__name__, "message": str(error)})


def run_here(
    name: str,
    function: Callable[..., Any],
    inputs: Mapping[str, Any],
    *,
    show: bool = True,
    on_change: Callable[[Trace], None] | None = None,
) -> LocalRun:
    """Call a function in this kernel, as the server would: with JSON, keyword by keyword, and recorded."""
    run = LocalRun(f"{name} (in this kernel)")
    screen = Screen(run.trace, on_change) if show or on_change else None
    run.told = screen.refresh if screen else None
    run.record("started", {})
    began = time.monotonic()
    value, error = None, None
    with _PRINTED:
        out, err = _Heard(run, "stdout"), _Heard(run, "stderr")
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                value = function(**json.loads(json.dumps(dict(inputs))))
            except Exception as raised:  # noqa: BLE001 - whatever the author's code raises is told, not raised
                error = raised
                run.record("log", {"stream": "stderr", "text": _frames(raised)})
        out.end()
        err.end()
    run.duration_s = time.monotonic() - began
    run.settle(value, error)
    if screen:
        screen.finish()
    return run


class _Heard(io.TextIOBase):
    """Makes a line of what is printed an event."""

    def __init__(self, run: LocalRun, stream: str) -> None:
        self._run = run
        self._stream = stream
        self._rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._run.record("log", {"stream": self._stream, "text": line})
        return len(text)

    def end(self) -> None:
        """Tell what has no end of line."""
        if self._rest:
            self.write("\n")


def _frames(error: BaseException) -> str:
    """Where in the author's own code it was raised."""
    own = traceback.extract_tb(error.__traceback__)[1:]
    return " ← ".join(f"{frame.name}, line {frame.lineno}" for frame in reversed(own)) or type(error).__name__
