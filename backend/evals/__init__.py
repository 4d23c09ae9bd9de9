"""Evals: what graders say of a run, suites of cases, the gate before a version becomes the active one."""
