"""Evaluation on recorded data: compares filled-in with recorded actions, without a robot."""
