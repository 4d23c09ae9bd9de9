"""Run worker processes. Read `supervisor` first."""
