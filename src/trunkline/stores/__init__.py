"""What stands behind the ``Store`` port: in memory, or in an SQLite file."""
