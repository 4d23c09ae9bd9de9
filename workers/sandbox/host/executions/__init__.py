"""Run executions in sandboxes, and interpret how they end."""
