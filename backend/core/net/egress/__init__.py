"""Which hosts of the internet a job may reach, and how they are dialled: the same at its sandbox's door, for the tools
of agents, and for what the instance fetches for functions. It stands on the standard library alone.
"""
