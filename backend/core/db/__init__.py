"""The database: engine and transactions, the fast path of frequent statements, liveness, poolers, paging."""
