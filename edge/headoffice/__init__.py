"""The aggregator at head office, a process of its own."""
