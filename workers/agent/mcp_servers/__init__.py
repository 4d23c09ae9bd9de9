"""MCP servers as tools: what they offer is offered to the model, what they answer is data.

A server is somebody else's. It is reached at the address that the skill names and nowhere else, told nothing but the
calls, and one that is away costs the run its tools, not its life.
"""
