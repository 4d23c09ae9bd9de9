"""The long form does what the short form does many times: `make chaos` sets PURAS_CHAOS_ROUNDS."""

import os
from typing import Final

ROUNDS: Final = max(1, int(os.environ.get("PURAS_CHAOS_ROUNDS", "1")))
