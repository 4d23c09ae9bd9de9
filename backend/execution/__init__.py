"""Manage jobs: submission, fair admission, claims, events, journals, approvals and schedules."""
