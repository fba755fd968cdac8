"""Checks that a gradient is right: finite differences, and all that a row promises."""
