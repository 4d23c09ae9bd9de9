"""Schedules: jobs that submit themselves by the clock of a place.

cron.py        what an expression says: five fields, names, ranges, steps, `@daily`
calendar.py    when it comes next in a time zone, through the changes of its clock
dispatcher.py  what is due becomes a job, once
misfires.py    what a due time leads to: run, skip, missed; pure
target.py      what it runs: a skill of the project, or a listing at an agreed price
service.py     what people do with schedules; runs.py what they see of their runs
"""
