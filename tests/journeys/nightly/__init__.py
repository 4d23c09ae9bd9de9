"""A nightly agent with schedules, memory, guardrails, evals, webhooks and the marketplace.

`python -m tests.journeys.nightly` prints the log of the journey.

journey.py  the steps, over the REST API
model.py    the replies of the language model if there is no API key of a real one
bundle/     the skill
"""
