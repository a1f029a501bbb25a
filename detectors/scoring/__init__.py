"""From block scores to calibrated evidence: client-level tails, traffic profiles, river models, the learning gate."""
