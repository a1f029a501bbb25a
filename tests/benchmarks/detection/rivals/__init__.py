"""The published detectors, on the same streams as the product: `python -m rivals scenes/*-held.ndjson.zst`.

Each module holds one detector, written from its paper. A detector reads each client's queries in order and says after
each how suspicious the client is; a threshold makes flags of that. Two settings: `published` is the paper's own
threshold or recipe, `recalibrated` is the least threshold that leaves honest clients of the learning days alone.
"""
