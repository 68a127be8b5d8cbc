"""Makes each small message several times smaller, on its own, byte for byte the same when read back."""
