"""Manage users, sessions, authentication, roles, permissions and the audit log, and isolate tenants."""
