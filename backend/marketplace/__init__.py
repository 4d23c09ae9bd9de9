"""The marketplace: skills that one project offers to the others of the instance, at a price for each run."""
