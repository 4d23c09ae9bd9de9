"""Idempotency keys: the first answer, again."""
