"""Run jobs: submission, fair admission, claims, events, journals, approvals, schedules."""
