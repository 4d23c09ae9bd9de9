"""The worker registry: worker processes and their heartbeats."""
