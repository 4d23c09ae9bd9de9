"""Run flows: a job of the type `flow` advances as far as it can, and waits outside of workers for its steps.

An attempt of a flow reads the stored steps, starts the jobs of further steps and requests approvals, all in one
transaction that names the attempt, and then leaves its worker. The end of a job of a step, or a decision, puts the flow
back into the queue. Both transactions lock the row of the flow first. So either the flow finds what has ended when it
leaves, or what ends finds the flow waiting. Times and events end the waits of its steps as those of functions.

Jobs of steps have a queue entry and a place in the window of their own (`jobs.is_step`), unlike subjobs, which use the
slot of a job that runs. Their bills fold into the one of the flow as those of subjobs do.
"""
