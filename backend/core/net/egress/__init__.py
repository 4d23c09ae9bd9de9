"""Which hosts of the internet a job may reach, and how connections to them are made.

The rules are the same at the gateway of a sandbox, for the tools of agents, and for pages that the instance fetches for
functions. The package uses only the standard library.
"""
