"""Print the log of the journey."""

from __future__ import annotations

import sys

from tests.journeys.journey_log import run_journey
from tests.journeys.one_skill.journey import run_skill

sys.exit(run_journey(run_skill))
