"""``python -m trunkline`` is the command ``trunkline``."""

from .cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
