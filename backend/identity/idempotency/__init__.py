"""Replay the first response to requests that repeat an idempotency key."""
