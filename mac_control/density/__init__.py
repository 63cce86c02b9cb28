"""Density models of text, images and tables on the any-order engine: `mac-control density`."""

from mac_control.density.model import DensityModel, load_density

__all__ = ["DensityModel", "load_density"]
