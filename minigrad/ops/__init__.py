"""The table of ops: each is one row, its function with its derivative rules."""
