"""The table: every op with its derivative rules, one row each. Knows no graph."""
