"""Training: one loop for every policy, resumable to the same weights."""
