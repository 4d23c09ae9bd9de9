"""Rails where jobs run: what goes in and comes out of every job, and the checks that are functions of the bundle."""
