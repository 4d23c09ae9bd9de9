"""Budgets: limits to what a project, or a part of it, may cost in a window of time."""
