"""Retention: what goes by itself when it is old enough.

rules.py     how long each thing is kept
rows.py      rows that go in batches: events, jobs, audit
months.py    whole months of events that go at once
sweep.py     does what the rules say, in small steps
forecast.py  says what they would do
"""
