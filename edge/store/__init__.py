"""What must not be lost, in SQLite: events, the outbox, what was seen."""
