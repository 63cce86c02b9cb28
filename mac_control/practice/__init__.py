"""A trained policy learns to help better by driving together with simulated operators.

The algorithm is PPO, written here. Libraries were tried: Stable-Baselines3 does not resume a run to
the same result and keeps its state in pickles; TorchRL takes ten seconds to import, for the ten
lines of its advantages.
"""
