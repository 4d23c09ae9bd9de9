"""The database: engine and transactions, the fast path of hot statements, liveness, poolers, paging."""
