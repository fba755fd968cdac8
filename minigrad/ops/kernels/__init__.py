"""Fast paths for NumPy's own arrays. They know NumPy and each other, no graph and no Tensor."""
