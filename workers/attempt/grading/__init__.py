"""Graders: what a skill's author says a good run is, asked after every run that has a result."""
