"""MCP servers as tools: the model can call their tools, and their responses are data.

Servers are untrusted. They are connected to only at the URL in the skill and receive only the calls. An unavailable
server does not fail the run.
"""
