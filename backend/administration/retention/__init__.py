"""Delete old data automatically.

rules.py     retention periods
rows.py      rows that are deleted in batches: events, jobs, audit entries
memory.py    records of memory, deleted in batches
months.py    events, deleted by dropping partitions of whole months
sweep.py     applies the rules in small transactions
forecast.py  counts what the rules would delete
"""
