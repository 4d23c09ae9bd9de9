"""One night of an instance, with everything around the agent: `python -m tests.journeys.nightly` prints its log.

story.py    the night itself, told over REST
model.py    what the language model says, where there is no key for a real one
bundle/     the skill
"""
