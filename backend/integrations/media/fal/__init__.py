"""Media of fal.ai: ordered through its queue, polled until they are done, and downloaded."""
