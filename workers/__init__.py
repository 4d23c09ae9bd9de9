"""The worker processes. Read `supervisor` first."""
