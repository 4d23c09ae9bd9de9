"""The activity of a project: what members, keys and jobs did, in a form that every member may read."""
