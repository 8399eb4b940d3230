"""The harness of every test that needs more than one process."""
