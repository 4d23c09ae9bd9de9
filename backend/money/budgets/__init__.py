"""Manage budgets: limits on what a project, or a part of it, may cost in a period."""
