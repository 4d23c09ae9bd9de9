"""Register worker processes and their heartbeats."""
