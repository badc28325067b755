"""``python -m trunkline`` is the command ``trunkline``."""

from .cli.entry import main

if __name__ == "__main__":
    raise SystemExit(main())
