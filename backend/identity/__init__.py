"""Know who calls and what they may do: users, keys, projects, members, limits, idempotency keys."""
