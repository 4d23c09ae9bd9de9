"""Outbound connections to URLs of tenants and users: only to public addresses, with limits."""
