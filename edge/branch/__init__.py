"""What is so in the branch: pure functions from what was heard to state and events."""
