"""Run the command `puras` as `python -m puras`."""

import sys

from puras.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
