"""The branch's file: its shape, its mistakes all at once, and the plan made of it."""
