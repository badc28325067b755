"""The four providers that the assistant knows by name."""
