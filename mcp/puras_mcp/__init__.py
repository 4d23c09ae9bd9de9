"""Provide an MCP server that is a client of `/v1`. It has the permissions of the API key, and no database."""
