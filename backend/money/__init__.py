"""Account for money: the ledger of each project, budgets and prices."""
