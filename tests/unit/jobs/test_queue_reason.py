"""The reason for which a queued job waits."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backend.administration.admin.schemas import WaitingJobsRead
from backend.docs_site.pages import FOLDER
from backend.execution.jobs.queue_reason import (
    REASONS,
    QueueState,
    Reason,
    flow_text,
    reason_summary,
    reason_text,
)
from studio.pages.gallery import samples
from studio.pages.operator.page import _waiting

READY = QueueState(
    stamp=7,
    is_quarantined=False,
    not_before=None,
    lane="default",
    admitted=5,
    concurrency_limit=5,
    has_money=True,
    can_reserve=True,
    has_worker=True,
)


def test_ready_job_waits_for_a_free_worker() -> None:
    assert reason_text(READY) == "for a free worker"


def test_pending_job_reports_the_concurrency_limit_and_its_use() -> None:
    assert reason_text(replace(READY, stamp=None)) == "for the concurrency limit of the project (5/5)"


def test_empty_wallet_is_reported_before_the_limit() -> None:
    assert reason_text(replace(READY, stamp=None, has_money=False)) == "the wallet is empty"


def test_job_that_exceeds_the_available_balance_waits_for_credit() -> None:
    waits = "for credit: the rest of the wallet is reserved for jobs that run or are ready"
    assert reason_text(replace(READY, stamp=None, can_reserve=False)) == waits


def test_wait_for_money_is_not_reported_as_a_time() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=5)
    assert reason_text(replace(READY, not_before=soon, has_money=False)) == "the wallet is empty"
    priced = replace(READY, not_before=soon, has_money=False, required_micros=250_000)
    assert reason_text(priced) == "the available balance is less than its maximum cost of $0.25"
    later = soon + timedelta(hours=1)
    assert reason_text(replace(READY, not_before=later, has_money=False)).startswith("not before")


def test_lane_without_a_worker_is_named() -> None:
    assert reason_text(replace(READY, lane="gpu", has_worker=False)) == "no worker in lane gpu"


def test_delayed_job_reports_its_time() -> None:
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    assert reason_text(replace(READY, not_before=later)) == f"not before {later:%Y-%m-%d %H:%M:%S} UTC"


def test_quarantined_job_reports_that_it_runs_alone() -> None:
    waits = "for a worker without other jobs, since worker processes were lost while it ran"
    assert reason_text(replace(READY, is_quarantined=True)) == waits


@pytest.mark.parametrize("reason", REASONS)
def test_admin_page_has_the_text_of_the_job(reason: Reason) -> None:
    text = _waiting(WaitingJobsRead(lane="gpu", reason=reason, jobs=2, oldest_s=1, next_due_at=None)).reason
    assert text.lower() == reason_summary(reason, "gpu")


def test_gallery_shows_the_text_of_a_job() -> None:
    assert samples.REASONS["queued"] == reason_text(READY)


@pytest.mark.parametrize("reason", REASONS)
def test_troubleshooting_lists_the_reason(reason: Reason) -> None:
    page = (FOLDER / "troubleshooting.md").read_text(encoding="utf-8")
    section = page.partition("## A job stays in the queue")[2].partition("\n## ")[0]
    listed = [line[3:].partition("`")[0] for line in section.splitlines()[4:] if line.startswith("| `")]
    starts = [text.partition("…")[0].partition(" (")[0].strip() for text in listed]
    assert any(start and reason_summary(reason, "gpu").startswith(start) for start in starts)


def test_flow_reports_all_that_it_waits_for() -> None:
    waits = [
        {"event_type": "paid", "wake_at": None},
        {"event_type": None, "wake_at": "2026-01-31T09:00:00+00:00"},
    ]
    assert flow_text(0, 0, []) == "for its steps"
    assert flow_text(1, 1, []) == "for an approval; for the job of a step"
    said = "for 2 approvals; for 3 jobs of its steps; for the event 'paid'; until 2026-01-31 09:00:00 UTC"
    assert flow_text(3, 2, waits) == said
