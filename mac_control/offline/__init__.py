"""Evaluation on recorded data alone: what is filled in against what was done, no robot needed."""
