"""The journal of an agent's run: every reply and tool result, stored once, so that nothing is bought twice."""
