"""Looking on: what ran, what it computed and cost, and why a gradient is what it is."""
