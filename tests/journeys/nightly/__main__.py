"""Print the log of the journey."""

from __future__ import annotations

import sys

from tests.journeys.journey_log import run_journey
from tests.journeys.nightly.journey import run_night

sys.exit(run_journey(run_night))
