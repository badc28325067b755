"""MCP, the Model Context Protocol, over its official SDK: servers as sources of tools, and Trunkline as a server."""
