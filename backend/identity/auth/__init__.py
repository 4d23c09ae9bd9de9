"""Users, sessions, authentication, roles, permissions, the audit, and the one gate of tenancy."""
