"""The other products that the benchmarks measure, each in separate processes.

procrastinate_queue.py  procrastinate on the same PostgreSQL
celery_queue.py         Celery on the same Valkey
minimal_api.py          one FastAPI route on the same server program
queues.py               start and stop both queues, and measure their rates
"""
