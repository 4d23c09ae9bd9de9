"""Files among the inputs of an agent: fetched, looked at, put where tools find them, and shown to models that see."""
