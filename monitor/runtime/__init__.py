"""The daemon: the loop, snapshots, health, metrics, logs, and the same loop over recorded files."""
