"""Show what projects have used and paid."""
