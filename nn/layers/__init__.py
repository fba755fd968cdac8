"""The layers: modules with a formula, under PyTorch's names, arguments and parameter names."""
