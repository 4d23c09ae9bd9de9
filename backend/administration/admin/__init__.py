"""What operators see and do of the whole instance: its workers, its queue, its health, its people and projects."""
