"""The number of repetitions in a test: `make chaos` sets PURAS_CHAOS_ROUNDS for the long form."""

import os
from typing import Final

ROUNDS: Final = max(1, int(os.environ.get("PURAS_CHAOS_ROUNDS", "1")))
