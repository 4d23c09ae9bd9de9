"""Connect the tools of agents to the internet and to search engines."""
