"""Run kernels of notebooks: each is a job, until a user or its idle timeout ends it."""
