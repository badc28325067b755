"""Models of the application core, by provider."""
