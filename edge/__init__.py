"""The branch: what is so, what to do, and how head office learns of it."""
