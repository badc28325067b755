"""The language-model part of a voice assistant: an asyncio host, a local model first, the cloud as fallback."""
