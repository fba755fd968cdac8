"""The engine: the graph, the grammar of rows, and the backward pass. It imports no other part of minigrad."""
