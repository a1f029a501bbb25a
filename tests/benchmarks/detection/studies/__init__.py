"""Questions that a scene alone does not answer; each is a module with a command, `python -m studies.NAME`."""
