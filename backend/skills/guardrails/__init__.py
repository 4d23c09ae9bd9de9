"""Apply the guardrails of a skill to inputs, outputs and tool calls.

A value that cannot be evaluated is blocked.
"""
