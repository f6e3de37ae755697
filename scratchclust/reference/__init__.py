"""The textbook definition of each algorithm in NumPy: to be read, and to be the measure of its JAX
twin.

No speed tricks, float64 inside whatever comes, randomness as an argument `rng`. Nothing here
imports JAX.
"""
