"""An MCP server that is a client of `/v1`: it holds no database, and may do what the key it is given may do."""
