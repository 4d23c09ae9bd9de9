"""Webhooks: a project's own servers are notified of events, signed, and again until they have accepted them.

The rows are written by `identity.webhook_outbox`, in the transaction of the event.

dispatch.py    every worker process takes rows that are due, and sends them
outcomes.py    what became of a send: delivered, to be tried again, given up, the webhook switched off
sending.py     one request to one receiver, within bounds and to public addresses alone
signing.py     secrets and signatures, by the Standard Webhooks specification
service.py     what people do with webhooks; deliveries.py what they see of deliveries
"""
