"""Offer the tools of MCP servers to the model, and mark their responses as data.

Servers are untrusted. They are connected to only at the URL in the skill and receive only the calls. An unavailable
server does not fail the run.
"""
