"""List the error codes of jobs: `error_code` of a job, and `code` of its event `failed` or `cancelled`."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Retried = Literal["no", "always", "error", "timeout", "worker_lost"]
"""Whether a job runs again after an attempt with the code: never, always, or if `retries.on` of the skill names this
failure."""


class JobErrorCode(NamedTuple):
    """An error code of jobs."""

    code: str
    retried: Retried
    meaning: str
    """Why the job ended."""
    solution: str
    """What a caller, an author or an operator does."""


_REPLAY: Final = "then replay the job"

GROUPS: Final[dict[str, tuple[JobErrorCode, ...]]] = {
    "Before the start": (
        JobErrorCode(
            "api_key_ended",
            "no",
            "The API key that submitted the job was revoked or expired before the start.",
            "Replay the job with a valid key. Before you revoke a key, wait until its queued jobs have started.",
        ),
        JobErrorCode(
            "budget_reached",
            "no",
            "A budget of the project allows no more jobs in this period.",
            "Wait for the reset in the message, or raise the [budget](../guides/budgets.md), "
            + _REPLAY
            + ".",
        ),
        JobErrorCode(
            "key_cap_reached",
            "no",
            "The API key has reached its daily spend limit.",
            "Wait for the reset in the message, or use a key with a higher limit, " + _REPLAY + ".",
        ),
        JobErrorCode(
            "session_cost_reached",
            "no",
            "The turns before this one have used what the session may cost.",
            "Start a new session, or ask an admin to raise the limit `session_usd` of the project.",
        ),
        JobErrorCode(
            "wallet_too_small",
            "no",
            "The balance is lower than the maximum cost of a run of a listing.",
            "Add [credit](../guides/credit.md), or lower `cost_usd` in `limits` of the request, "
            + _REPLAY
            + ".",
        ),
        JobErrorCode(
            "deployment_not_found",
            "no",
            "The version of the job was deleted.",
            "Submit the job again, or replay it on another version.",
        ),
        JobErrorCode(
            "skill_not_found",
            "no",
            "The version of the job does not have the skill.",
            "Check the name of the skill, and submit the job again.",
        ),
        JobErrorCode(
            "bundle_not_found",
            "no",
            "The files of the version are missing in the storage.",
            "Deploy the skill again, or restore the bundle from a [backup](../guides/backup.md).",
        ),
        JobErrorCode(
            "bundle_damaged",
            "no",
            "The stored files of the version do not match their hash.",
            "Deploy the skill again, or restore the bundle from a [backup](../guides/backup.md).",
        ),
        JobErrorCode(
            "secret_unreadable",
            "no",
            "A secret cannot be decrypted with the keys of the instance.",
            "Set the secret again. Operators: add the key with which it was encrypted.",
        ),
    ),
    "Code of the skill": (
        JobErrorCode(
            "exception",
            "error",
            "The code of the skill raised an exception.",
            "Read the traceback with `puras logs JOB_ID`, fix the code, and deploy again.",
        ),
        JobErrorCode(
            "flow_step_failed",
            "no",
            "A step of the flow failed or exceeded its time (`step_timeout`), and its retries are used up.",
            "Read the error, which names the step, its error code and its job, and what could not be undone. Fix the "
            "cause, or set `retries`, `timeout` or `on_error`.",
        ),
        JobErrorCode(
            "flow_expression_failed",
            "no",
            "An expression of the flow has no value for the data of this run.",
            "Read the error, which names the expression. Check fields that may be missing with `has(…)`.",
        ),
        JobErrorCode(
            "step_mismatch",
            "error",
            "The function called another durable step than at the same position when it ran before.",
            "Put what decides, such as the time or a random number, into a "
            "[step](../guides/durable-steps.md#deterministic-functions) of its own, and submit the job again.",
        ),
        JobErrorCode(
            "step_outcome_unknown",
            "error",
            "The worker was lost while a step with `once=True` ran, so the effect of the step is unknown.",
            "Check whether it was done. Handle `StepOutcomeUnknown` in the function.",
        ),
        JobErrorCode(
            "step_limit_exceeded",
            "error",
            "The job has too many durable steps, or their results are too large.",
            "Do more work in each step. Save large data in the drive, and return its path.",
        ),
        JobErrorCode(
            "bad_entrypoint",
            "error",
            "The module of the skill cannot be imported, or does not have the function of `entrypoint`.",
            "Fix `entrypoint` or the import. List packages in `requirements.txt` of the skill.",
        ),
        JobErrorCode(
            "bad_output",
            "error",
            "The result does not match `output_schema`.",
            "Return what the schema declares, or change the schema.",
        ),
        JobErrorCode(
            "bad_result",
            "error",
            "The result is not JSON data.",
            "Return only texts, numbers, booleans, `None`, lists and dictionaries.",
        ),
        JobErrorCode(
            "exited",
            "error",
            "The code of the skill ended its process, or closed the connection to the runner.",
            "Return a value, or raise an exception, instead of `sys.exit()`. Close only descriptors that you open.",
        ),
        JobErrorCode(
            "crashed",
            "error",
            "The process of the job ended without a result, for example because native code crashed.",
            "Read the last log events. Test the code with smaller inputs and without native packages.",
        ),
        JobErrorCode(
            "environment_failed",
            "error",
            "The packages of `requirements.txt` cannot be installed.",
            "Read the message. Choose a version that has a wheel for the Python version and the host of the worker.",
        ),
        JobErrorCode(
            "kernel_lost",
            "no",
            "The kernel of a notebook ended.",
            "Start the kernel again, and run the cells. Often a cell used too much memory.",
        ),
    ),
    "Limits": (
        JobErrorCode(
            "timeout",
            "timeout",
            "The job ran longer than `timeout_s`.",
            "Give it less work, or raise `timeout_s` in skill.yaml.",
        ),
        JobErrorCode(
            "memory_limit",
            "error",
            "The job used more than `limits.memory_mb`.",
            "Process smaller parts, or raise `limits.memory_mb`.",
        ),
        JobErrorCode(
            "disk_limit",
            "error",
            "The job wrote more files than its disk limit allows.",
            "Write less at a time, and delete files that are not needed any more.",
        ),
        JobErrorCode(
            "process_limit",
            "error",
            "The job ran too many concurrent processes or threads.",
            "Start fewer of them.",
        ),
        JobErrorCode(
            "output_limit",
            "error",
            "The result is larger than `limits.output_mb`.",
            "Write large data to the [drive](../concepts/drive.md), and return its path.",
        ),
        JobErrorCode(
            "step_limit",
            "error",
            "The agent reached `limits.steps`.",
            "Give it a smaller task, state in the prompt when it is done, or raise the limit.",
        ),
        JobErrorCode(
            "token_limit",
            "error",
            "The agent reached `limits.tokens`.",
            "Let it read less, or raise the limit.",
        ),
        JobErrorCode(
            "cost_capped",
            "error",
            "The next call could cost more than the job, or the reservation of its calling job, has left.",
            "Select a cheaper model, shorten what tools return, or raise `limits.cost_usd`.",
        ),
    ),
    "Agents and models": (
        JobErrorCode(
            "no_output",
            "error",
            "The agent ended without a valid result.",
            "State in the prompt what the result is, and that the agent submits it with `set_output`. If the "
            "error names why a result was rejected, make the prompt and `output_schema` agree.",
        ),
        JobErrorCode(
            "context_full",
            "error",
            "The conversation is longer than the context of the model, and nothing more can be removed.",
            "Shorten what tools return, split the task into subjobs, or select a model with a longer context.",
        ),
        JobErrorCode(
            "prompt_too_long",
            "error",
            "The provider rejects the conversation as too long for the model.",
            "Shorten what tools return, split the task into subjobs, or select a model with a longer context.",
        ),
        JobErrorCode(
            "prompt_missing",
            "error",
            "The bundle does not contain the prompt of the agent.",
            "Add the file that `entrypoint` names, and deploy again.",
        ),
        JobErrorCode(
            "refused",
            "error",
            "The model refused to continue.",
            "Read its last reply, and change the prompt or the inputs.",
        ),
        JobErrorCode(
            "truncated",
            "error",
            "Replies of the model were cut off repeatedly.",
            "Ask for a shorter result, or let the agent write it to a file in parts.",
        ),
        JobErrorCode(
            "unknown_model",
            "error",
            "The model of the skill or of the job is not in the catalog of the instance.",
            "Select one of the [models](../guides/models.md) of the instance.",
        ),
        JobErrorCode(
            "bad_provider_key",
            "error",
            "The key for a model at a cloud has a form that the cloud does not accept.",
            "Set it as [models](../guides/models.md#amazon-bedrock-and-vertex-ai) describes.",
        ),
        JobErrorCode(
            "extra_missing",
            "error",
            "The packages for the cloud of the model are not installed on this instance.",
            "The operator installs the [extra](../guides/install.md#add-optional-parts). Or select another model.",
        ),
        JobErrorCode(
            "assistant_needs_model",
            "no",
            "The [assistant](../guides/assistant.md) was started while only the simulation is available.",
            "Store an API key with `PUT /v1/providers/{family}`, and start it again.",
        ),
        JobErrorCode(
            "model_key_missing",
            "error",
            "The project has keys for other models and none for this one.",
            "Store one with `PUT /v1/providers/{family}`, or select another [model](../guides/models.md).",
        ),
        JobErrorCode(
            "model_key_refused",
            "error",
            "The provider rejects the API key.",
            "Store a valid key, or delete the key of the project to use the key of the instance.",
        ),
        JobErrorCode(
            "model_overloaded",
            "error",
            "The provider was overloaded until the time limit of the job.",
            "Submit the job again later, or select another model.",
        ),
        JobErrorCode(
            "model_unavailable",
            "error",
            "The provider was unreachable until the time limit of the job.",
            "Check the URL of the provider and the network of the worker, or select another model.",
        ),
        JobErrorCode(
            "model_refused",
            "error",
            "The provider rejects the request as invalid.",
            "Read the message of the provider. Another model may accept the request.",
        ),
        JobErrorCode(
            "recording_not_found",
            "error",
            "The project has no job with this ID whose replies can be repeated.",
            "Name a job of an agent, or a model of the catalog.",
        ),
        JobErrorCode(
            "attachment_refused",
            "error",
            "A file in the inputs cannot be read, or is too large for an agent.",
            "Read the message, and submit a smaller or another file ([attachments](../guides/attachments.md)).",
        ),
    ),
    "Files": (
        JobErrorCode(
            "input_file_changed",
            "no",
            "A file of the inputs was replaced, and the key may read only the earlier version.",
            "Upload the file again and submit a new job, or give the key the scope `drive:read`.",
        ),
        JobErrorCode(
            "input_files_too_large",
            "no",
            "The files that the inputs name exceed the disk limit of the job.",
            "Name fewer or smaller files.",
        ),
        JobErrorCode(
            "input_files_too_many",
            "no",
            "The inputs name more files than a job can fetch.",
            "Name fewer files. The code can fetch others with `puras.drive.fetch(name)`.",
        ),
        JobErrorCode(
            "changed_files_too_much",
            "error",
            "The job changed more files in `./drive` than can be stored. None of them was stored.",
            "Write fewer or smaller files.",
        ),
        JobErrorCode(
            "quota_reached",
            "error",
            "The drive has reached its quota, so the files of the job were not stored.",
            "Delete files, or ask the operator: [Limits](limits.md#quotas).",
        ),
        JobErrorCode(
            "drive_over_quota",
            "error",
            "The drive exceeds its quota: the job could not start, or was stopped since the drive grew.",
            "Delete files, or ask the operator: [Limits](limits.md#quotas).",
        ),
        JobErrorCode(
            "drive_full",
            "error",
            "The disk of the drive is full.",
            "Delete files. Operators: add disk space.",
        ),
        JobErrorCode(
            "drive_path_taken",
            "error",
            "A file of the job cannot be stored, because something else has its path.",
            "Write to another path.",
        ),
        JobErrorCode(
            "drive_file_locked",
            "error",
            "A file of the job cannot be stored, because another process holds a lease on it.",
            "Submit the job again, or write to another path.",
        ),
        JobErrorCode(
            "file_too_large",
            "error",
            "A file of the job exceeds the size limit of the storage.",
            "Split the file.",
        ),
    ),
    "Workers and hosts": (
        JobErrorCode(
            "worker_lost",
            "worker_lost",
            "The worker process ended while it ran only this job and its subjobs, more often than `retries` allow.",
            "Read the last log events. Often the job uses too much memory of the host.",
        ),
        JobErrorCode(
            "host_exhausted",
            "always",
            "The host of the worker lacks disk space, memory or process IDs.",
            "Operators: see `GET /ready` and the workers on the admin page.",
        ),
        JobErrorCode(
            "storage_unavailable",
            "always",
            "The file storage did not respond.",
            "Replay the job when the storage is available. Operators: run `puras-studio doctor`.",
        ),
        JobErrorCode(
            "sandbox_unavailable",
            "error",
            "The host of the worker does not have a layer that the sandbox requires.",
            "Operators: run `puras-studio doctor` on the host of the worker, and install what it names.",
        ),
        JobErrorCode(
            "internal_error",
            "error",
            "The worker could not run the job or store its result.",
            "Operators: read the log of the worker, and report the error.",
        ),
    ),
    "Decisions": (
        JobErrorCode(
            "approval_denied",
            "error",
            "A user rejected the start of the job, or its [approval](../guides/approvals.md) expired.",
            "Read the reason in the message, and submit the job again if it is needed.",
        ),
        JobErrorCode(
            "rail_blocked",
            "error",
            "A [guardrail](../guides/guardrails.md) blocked the inputs or the result.",
            "Read which one in the events of the job. Change the inputs, the prompt or the guardrail.",
        ),
        JobErrorCode(
            "cancelled",
            "no",
            "The job was cancelled. Its status is `cancelled`.",
            "Replay the job if it is needed.",
        ),
    ),
}
"""The error codes by the headings of the reference page."""
CODES: Final[dict[str, JobErrorCode]] = {one.code: one for group in GROUPS.values() for one in group}
