"""Print the log of the skill."""

from __future__ import annotations

import sys

from tests.journeys.one_skill.story import tell_skill
from tests.journeys.telling import told_aloud

sys.exit(told_aloud(tell_skill))
