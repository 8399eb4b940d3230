"""Groups: where they stand, and landing them on the other cluster."""

from tests.mapper.lab import Lab
