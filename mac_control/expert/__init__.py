"""A scripted expert for the FrankaKitchen subtasks."""
