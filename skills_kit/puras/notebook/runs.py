"""Runs of a skill in this kernel, or as jobs of an instance, which continue without the kernel."""

from __future__ import annotations

import contextlib
import io
import json
import threading
import time
import traceback
import warnings
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
"""Functions run one at a time, since their output is captured from the whole kernel."""


def attach(job_id: str, *, instance: Instance | None = None, show: bool = True) -> JobRun:
    """Return the run of any job of the project, with its earlier events, and follow it to its end.

    Raises:
        PurasAPIError: The job does not exist, or there is no API key.
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
        return f"<job {self.id} · {self.trace.status} · puras.attach({self.id!r})>"

    def _repr_html_(self) -> str:
        return self.trace.html()

    def follow(self, *, show: bool = True, on_change: Callable[[Trace], None] | None = None) -> JobRun:
        """Wait for the end of the job, and display its events.

        An interrupt stops only the wait. The job continues.
        """
        screen = Screen(self.trace, on_change) if show or on_change else None
        try:
            for event in self.instance.stream(self.id):
                if event.id:
                    if self.events and event.id <= self.events[-1].id:
                        continue  # received by an earlier call
                    self.events.append(event)
                self.trace.add(event.type, event.payload)
                if screen:
                    screen.refresh()
        except KeyboardInterrupt:
            self.trace.add(
                "log", {"text": f"The wait was interrupted. The job continues: puras.attach({self.id!r})"}
            )
            if screen:
                screen.finish()
            raise
        self._settle()
        if screen:
            screen.finish()
        return self

    def job(self) -> dict[str, Any]:
        """Return the job of the API. Request it again until it has ended."""
        if self._job is None or self._job["finished_at"] is None:
            self._job = self.instance.ask("GET", f"/v1/jobs/{self.id}")
        return self._job

    @property
    def status(self) -> str:
        """Return the status of the job."""
        return str(self.job()["status"])

    @property
    def result(self) -> Any:
        """Wait for the end of the job, and return the result of the skill.

        Raises:
            RunFailed: The job failed or was cancelled.
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
        """Return the cost of the job, including its subjobs."""
        return float(self.job()["cost_usd"])

    @property
    def page(self) -> str:
        """Return the URL of the job in the studio."""
        return self.instance.job_page(self.id)

    def cancel(self) -> None:
        """Cancel the job."""
        self.instance.ask("POST", f"/v1/jobs/{self.id}/cancel")

    def fork(
        self,
        step: int | str | None = None,
        edits: list[dict[str, Any]] | None = None,
        *,
        show: bool = True,
        **changes: Any,
    ) -> JobRun:
        """Continue after a step in a new job, or from a step of a flow, with the changes, and follow the new job."""
        body = {"edits": edits or [], **({} if step is None else {"step": step}), **changes}
        return self._new(self.instance.ask("POST", f"/v1/jobs/{self.id}/fork", body), show=show)

    def replay(self, version: int | None = None, *, show: bool = True) -> JobRun:
        """Submit the same inputs as a new job, and follow it."""
        response = self.instance.ask("POST", f"/v1/jobs/{self.id}/replay", {}, query={"version": version})
        return self._new(response, show=show)

    def save_as_case(self, **case: Any) -> dict[str, Any]:
        """Save the job as an eval case of its skill, with its result, or `expected`, as the expected result."""
        saved: dict[str, Any] = self.instance.ask("POST", f"/v1/jobs/{self.id}/eval-case", case)
        return saved

    def keep_as_case(self, **case: Any) -> dict[str, Any]:
        """Save the job as `save_as_case` does; its name before 0.2, until 0.3."""
        warnings.warn("'keep_as_case' is now 'save_as_case'.", DeprecationWarning, stacklevel=2)
        return self.save_as_case(**case)

    def _new(self, response: Mapping[str, Any], *, show: bool) -> JobRun:
        job_id = str(response.get("id") or response.get("job_id"))
        return JobRun(self.instance, job_id).follow(show=show)

    def _settle(self) -> None:
        """Read the final cost, which includes media, searches and subjobs that the events do not report."""
        with contextlib.suppress(PurasAPIError):
            job = self.job()
            self.trace.status = job["status"]
            self.trace.cost_micros = int(job["cost_micros"])
            self.trace.simulation = job.get("simulation") or ""


class LocalRun:
    """A call of the function of a skill in this kernel. It costs nothing and is not stored."""

    def __init__(self, title: str) -> None:
        self.id = f"local-{uuid4().hex[:8]}"
        self.trace = Trace(title)
        self.events: list[Event] = []
        self.cost_usd = 0.0
        self.duration_s = 0.0
        self.error: str | None = None
        self.on_event: Callable[[], None] | None = None
        """A function that is called after each event."""
        self._result: Any = None

    def __repr__(self) -> str:
        return f"<{self.trace.title} · {self.status} · {self.duration_s * 1000:.0f} ms>"

    def _repr_html_(self) -> str:
        return self.trace.html()

    @property
    def status(self) -> str:
        """Return the status: `running`, `succeeded` or `failed`."""
        return self.trace.status

    @property
    def result(self) -> Any:
        """Return the result of the function.

        Raises:
            RunFailed: The function raised an error, or its result is not JSON.
        """
        if self.error is not None:
            raise RunFailed(self.id, self.status, self.error)
        return self._result

    def record(self, kind: str, payload: dict[str, Any]) -> None:
        """Add an event."""
        self.events.append(Event(len(self.events) + 1, kind, payload))
        self.trace.add(kind, payload)
        if self.on_event:
            self.on_event()

    def settle(self, value: Any, error: BaseException | None) -> None:
        """Set the result or the error, and end the run."""
        if error is None:
            try:
                self._result = json.loads(json.dumps(value, allow_nan=False))
            except (TypeError, ValueError) as invalid:
                error = CellRefused(f"The result of the function is not JSON: {invalid}.")
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
    """Call a function in this kernel as the server does, with JSON values as arguments, and record its events."""
    run = LocalRun(f"{name} (in this kernel)")
    screen = Screen(run.trace, on_change) if show or on_change else None
    run.on_event = screen.refresh if screen else None
    run.record("started", {})
    started_at = time.monotonic()
    value, error = None, None
    with _PRINTED:
        out, err = _CapturedOutput(run, "stdout"), _CapturedOutput(run, "stderr")
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                value = function(**json.loads(json.dumps(dict(inputs))))
            except Exception as raised:  # noqa: BLE001 - any error of the skill becomes an event
                error = raised
                run.record("log", {"stream": "stderr", "text": _frames(raised)})
        out.end()
        err.end()
    run.duration_s = time.monotonic() - started_at
    run.settle(value, error)
    if screen:
        screen.finish()
    return run


class _CapturedOutput(io.TextIOBase):
    """A stream that records each printed line as an event."""

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
        """Record the last line if it has no line break."""
        if self._rest:
            self.write("\n")


def _frames(error: BaseException) -> str:
    """Return the frames of the skill in the traceback."""
    own = traceback.extract_tb(error.__traceback__)[1:]
    return " ← ".join(f"{frame.name}, line {frame.lineno}" for frame in reversed(own)) or type(error).__name__
