"""nn: layers, models, optimisers and data, built on minigrad."""
