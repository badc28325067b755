"""The half of the Responses API that answers."""
