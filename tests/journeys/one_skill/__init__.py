"""One skill, every way in: `python -m tests.journeys.one_skill` prints the log.

story.py    the tale itself
kernel.py   the notebook's kernel, as JupyterLab drives one
studio.py   a person in the studio, in a real Chromium
"""
