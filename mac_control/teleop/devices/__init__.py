"""The devices that ship with the package, one module each, imported when first used."""
