"""Limit requests per minute, and attempts to sign in."""
