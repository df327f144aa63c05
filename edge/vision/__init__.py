"""People followed and counted in pictures."""
