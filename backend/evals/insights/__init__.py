"""Findings: what a skill's own jobs say about it, read from them when somebody asks."""
