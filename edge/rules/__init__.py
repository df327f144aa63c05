"""What to do: pure functions from state and forecast to commands, alerts and advice; one concern a file."""
