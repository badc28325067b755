"""The pytest plugin for those who test programs that use models."""
