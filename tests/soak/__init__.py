"""The soak: hours of steady traffic on real servers, with faults, while memory, handles, disk and lag are sampled."""
