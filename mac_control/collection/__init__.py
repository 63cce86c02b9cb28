"""Making demonstrations in simulation: collecting from an expert, augmenting existing ones."""
