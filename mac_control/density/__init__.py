"""Density models of text, images and tables on the any-order engine: `mac-control density`."""

from mac_control.density.load import load_density
from mac_control.density.model import DensityModel

__all__ = ["DensityModel", "load_density"]
