"""The engine: Tensors' graph, the grammar of rows, and the walk back. Imports nothing of minigrad but itself."""
