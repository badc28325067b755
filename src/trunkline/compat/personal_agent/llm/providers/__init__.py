"""The providers that the agent knows by name."""
