"""Fuzzing of everything that reads bytes: targets, a mutator that knows their forms, and the driver."""
