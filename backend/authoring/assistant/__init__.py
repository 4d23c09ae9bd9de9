"""Start jobs of the assistant, and give them what they may read and run."""
