"""The page for the people in the branch."""
