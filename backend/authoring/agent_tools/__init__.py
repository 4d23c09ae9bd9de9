"""List what an agent of a draft can have as tools: the functions of its bundle, and the tools of MCP servers."""
