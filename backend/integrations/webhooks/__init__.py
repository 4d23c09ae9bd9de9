"""Deliver events to the servers of a project: signed, and repeated until they are accepted.

`identity.webhook_outbox` writes the rows, in the transaction of the event. `dispatch.py` sends deliveries that are due,
in every worker process, and `outcomes.py` records the results. `sending.py` sends one request to one receiver, within
limits and to public addresses only. `signing.py` has the secrets and signatures. `service.py` manages webhooks,
`deliveries.py` their deliveries.
"""
