"""The pytest plugin for those who test programs that use models: ``docs/testing.md``. ``plugin.py`` has the fixtures."""
