"""The shared-autonomy loop: rollouts, evaluation, reports."""
