"""Makes demonstrations in simulation: collects from an expert, augments existing ones."""
