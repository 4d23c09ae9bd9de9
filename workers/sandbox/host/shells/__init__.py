"""Run the commands of agents, each in a sandbox of its own."""
