"""Connect to the MCP servers of skills, which are untrusted, with the secrets that their headers name."""
