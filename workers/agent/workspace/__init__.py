"""Provide the workspaces of agents: a folder that commands, Python tools and file tools share."""
