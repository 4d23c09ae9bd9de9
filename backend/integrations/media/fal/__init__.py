"""Media by fal.ai: ordered over its queue, asked for until they are done, and fetched."""
