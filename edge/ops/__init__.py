"""Topics, requests and metrics for the people who run the branch."""
