"""Store accounts of users, verify their passwords, and manage their sessions."""
