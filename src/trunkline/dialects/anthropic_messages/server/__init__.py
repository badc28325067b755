"""The half of the Messages protocol that answers."""
