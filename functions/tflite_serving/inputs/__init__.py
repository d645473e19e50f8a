"""What people send becomes tensors: one module per kind of preprocessing."""
