"""Run the graders of a skill after each run that has a result."""
