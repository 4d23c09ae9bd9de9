"""Derive insights about a skill from its recent jobs, on request."""
