"""Print the log of the night."""

from __future__ import annotations

import sys

from tests.journeys.nightly.story import tell_night
from tests.journeys.telling import told_aloud

sys.exit(told_aloud(tell_night))
