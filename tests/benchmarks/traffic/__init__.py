"""Traffic for development and proof: real attacks and honest look-alikes against real models, as native records.

Needs the `traffic` extra. Run as `python -m traffic digits tune OUT` with tests/benchmarks on the path.
"""
