"""Account for money: the ledger of each project, its budgets, prices."""
