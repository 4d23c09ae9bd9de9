"""Manage callers and their permissions: users, keys, projects, members, limits, idempotency keys."""
