"""Manage schedules, which submit jobs at the times of a cron expression in a time zone.

cron.py        parses cron expressions: five fields, names, ranges, steps, `@daily`
calendar.py    computes the next times in a time zone, across clock changes
dispatcher.py  submits a job for each due time, once
misfires.py    decides what an overdue time leads to: run, skip, missed; pure functions
target.py      resolves what a schedule runs: a skill of the project, or a listing at an agreed price
service.py     creates and changes schedules; runs.py lists their runs and starts one immediately
"""
