"""Conversations with agents: each message of a session starts a job, whose prompt has the turns before it.

A turn is stored with its job in one transaction. While a turn runs, the jobs of later ones are held in the queue:
`advance` releases the next one when the turn before it has ended and its reply is stored.
"""
