"""The journal of an agent's run: every reply and every tool result, written once, so that nothing is bought twice."""
