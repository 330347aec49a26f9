"""The engine that trains all replicas of a shard as one torch program, on the CPU or on CUDA."""
