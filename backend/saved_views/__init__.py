"""Saved views: named filters and orders of the lists of a project, of one user."""
