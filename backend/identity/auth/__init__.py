"""People, sessions, API keys, roles, audit, and the one gate of tenancy."""
