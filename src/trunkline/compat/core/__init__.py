"""The LLM subsystem of an asyncio application core."""
