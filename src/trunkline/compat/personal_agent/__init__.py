"""The language-model part of a personal agent: a synchronous host with a ``Config`` object."""
