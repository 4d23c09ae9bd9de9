"""Run the command `puras` as `python -m puras.cli`."""

import sys

from puras.cli.main import main

sys.exit(main())
