"""A whole branch of simulated hardware on real wires, which knows what really happened."""
