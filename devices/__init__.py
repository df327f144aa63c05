"""Hardware and wires of a bank branch, one driver a file; knows nothing of the branch that uses it."""
