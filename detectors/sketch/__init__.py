"""From inputs to sketches: raw inputs end here. One kind of input per file."""
