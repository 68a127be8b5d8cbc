"""Connectors shipped with AURA Stream, one package each, all of the same shape."""
