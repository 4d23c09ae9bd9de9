"""Manage secrets, which are encrypted at rest."""
