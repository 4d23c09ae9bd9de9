"""Metrics that a process counts: the instruments, requests, and counts that take effect with a commit."""
