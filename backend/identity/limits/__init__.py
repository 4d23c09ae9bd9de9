"""How much of everything a key or a project may have: rates of requests, and quotas of things."""
