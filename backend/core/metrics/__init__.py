"""Count what a process does: the counters themselves, requests, and counts that a commit completes."""
