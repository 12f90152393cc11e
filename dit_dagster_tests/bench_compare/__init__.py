"""Comparisons of two tables beside those of the tools that people use: `make bench-compare`.

Nothing is asserted: machines are shared and noisy, and a number is for reading. Every subject runs in a process of its
own, in turns; CPU and memory of ours are the client's and the engine's together.
"""
