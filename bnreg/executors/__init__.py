"""Executors, which train shards, and the hardware of the machine."""
