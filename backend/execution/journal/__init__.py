"""Store the journal of an agent's run: every reply and tool result, so that no reply is paid twice."""
