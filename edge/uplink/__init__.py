"""The line to head office, seen from the branch."""
