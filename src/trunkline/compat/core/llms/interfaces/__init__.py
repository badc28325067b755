"""What the application core expects of a model."""
