"""The dialect ``claude-cli``: what the program ``claude`` says on its standard output (stream-json)."""
