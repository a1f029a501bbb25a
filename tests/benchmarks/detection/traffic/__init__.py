"""Traffic for development and proof: real attacks and honest look-alikes against real models, as native records.

Needs the extra `traffic`. From a folder that holds no other `traffic`, with tests/benchmarks on PYTHONPATH:
`python -m traffic digits tune OUT` (also hi, cancer, text, and mnist --mnist FOLDER; tune, held, or a seed).
"""
