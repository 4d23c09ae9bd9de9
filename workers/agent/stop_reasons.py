"""Define the exceptions that end a run without its result.

- `Stop`: the run has failed; each class has the error code of the job.
- `Pause`: the run continues later, with its journal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from backend.core.errors import Unavailable
from backend.execution.approvals.types import ApprovalRequest
from backend.execution.events.types import CostCappedEvent, LimitsEvent, StopEvent, TimeoutEvent
from backend.money.pricing import dollars
from workers.agent.cost_cap import JOB_LIMIT, CostCap

_MAX_REJECTION_CHARACTERS: Final = 1_000


class Stop(Exception):
    """The run is over, and it failed."""

    code: ClassVar[str]

    def __init__(self, message: str, event: StopEvent | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.event = event
        """Recorded before the last event of the job; none if that suffices."""


class OutOfSteps(Stop):
    """The maximum number of steps was reached."""

    code = "step_limit"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The agent did not finish in {limit} steps, its limit. Give it a smaller task, or raise `limits.steps` in "
            "skill.yaml.",
            LimitsEvent(kind=self.code, limit=limit),
        )


class OutOfTime(Stop):
    """The time limit was reached."""

    code = "timeout"

    def __init__(self, step: int, limit_s: float) -> None:
        super().__init__(
            f"The agent ran longer than its limit of {limit_s:g} s. Give it a smaller task, or raise "
            "`timeout_s` in skill.yaml.",
            TimeoutEvent(kind=self.code, step=step, limit_s=limit_s),
        )


class OutOfTokens(Stop):
    """The token limit was reached."""

    code = "token_limit"

    def __init__(self, used: int, limit: int) -> None:
        super().__init__(
            f"The agent used {used:,} tokens, and its limit is {limit:,}. Raise `limits.tokens` in "
            "skill.yaml, or let it read less.",
            LimitsEvent(kind=self.code, used=used, limit=limit),
        )


class ContextFull(Stop):
    """The conversation exceeds the context of the model, and nothing more can be removed."""

    code = "context_full"

    def __init__(self, model: str, tokens: int, limit: int) -> None:
        super().__init__(
            f"The conversation has about {tokens:,} tokens, and the model {model!r} accepts {limit:,} "
            "including its reply. Let the agent read less, or use a model with a longer context.",
            LimitsEvent(kind=self.code, model=model, tokens=tokens, limit=limit),
        )


class CostCapped(Stop):
    """The next call could cost more than the remaining reservation."""

    code = "cost_capped"

    def __init__(
        self, step: int, spent_micros: int, cap_micros: int, needed_micros: int, *, cap: CostCap = JOB_LIMIT
    ) -> None:
        of = (
            f"its cap of {dollars(cap_micros)}"
            if cap.source == "job_limit"
            else f"the {dollars(cap_micros)} that are reserved for it"
        )
        super().__init__(
            f"Stopped before a call that could cost {dollars(needed_micros)}: the job has spent "
            f"{dollars(spent_micros)} of {of}. {cap.fix}",
            CostCappedEvent(
                kind=self.code,
                step=step,
                spent_micros=spent_micros,
                cap_micros=cap_micros,
                needed_micros=needed_micros,
                capped_by=cap.source,
            ),
        )


class Refused(Stop):
    """The model refused."""

    code = "refused"

    def __init__(self, model: str) -> None:
        super().__init__(
            f"The model {model!r} refused to continue. Check its last reply, and the prompt of the skill."
        )


class Truncated(Stop):
    """Replies of the model were cut off repeatedly."""

    code = "truncated"

    def __init__(self, times: int, max_tokens: int) -> None:
        super().__init__(
            f"The model's reply was cut off {times} times in a row, the last time after {max_tokens:,} tokens. Ask for "
            "a shorter result, or let the agent write it to a file piece by piece."
        )


class RailBlocked(Stop):
    """A guardrail of the skill rejects its results."""

    code = "rail_blocked"

    def __init__(self, message: str, times: int) -> None:
        repeated = f" {times} results did not." if times > 1 else ""
        super().__init__(f"{message}{repeated}")


class NoOutput(Stop):
    """The model ended without submitting a valid result."""

    code = "no_output"

    def __init__(self, reminders: int, rejections: Sequence[str] = ()) -> None:
        """Create the error; `rejections` are the reasons why submitted results were rejected."""
        if not rejections:
            super().__init__(
                f"The agent ended without calling set_output, although it was reminded {reminders} times. "
                "Describe the result in the skill's prompt."
            )
            return
        calls = f"called set_output {len(rejections)} times" if len(rejections) > 1 else "called set_output"
        last = rejections[-1][:_MAX_REJECTION_CHARACTERS].rstrip(".")
        super().__init__(
            f"The agent ended without a result: it {calls}, and its result was not valid: {last}. Describe a valid "
            "result in the skill's prompt, or change its `output_schema`."
        )


class Pause(Exception):
    """The run continues later, where it stopped."""

    def __init__(self, reason: str, *, after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after_s = after_s
        """Minimum seconds until then."""


class WorkerDraining(Pause):
    """This worker drains; another one continues the run."""

    def __init__(self) -> None:
        super().__init__("drain")


class ModelNotResponding(Pause):
    """The model does not respond now."""

    def __init__(self, error: Unavailable, *, after_s: float) -> None:
        super().__init__(error.code, after_s=after_s)
        self.error = error


class ApprovalNeeded(Pause):
    """The next call needs the approval of a user."""

    def __init__(self, approvals: Sequence[ApprovalRequest]) -> None:
        super().__init__("approval")
        self.approvals = tuple(approvals)
        """That call, and later ones of the same reply that also need an approval."""


class WalletEmpty(Pause):
    """Nothing could be reserved for the run: the wallet is reserved for other runs."""

    def __init__(self) -> None:
        super().__init__("wallet_empty")
