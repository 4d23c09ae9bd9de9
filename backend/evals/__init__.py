"""Manage evals: verdicts of graders on runs, suites of cases, and gates before the activation of versions."""
