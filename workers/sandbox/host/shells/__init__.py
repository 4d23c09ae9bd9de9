"""Run the commands of agents, each in a separate sandbox."""
