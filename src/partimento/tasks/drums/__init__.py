"""Drum parts against the true ones: onsets, fills, distributions, limits of the body, and the floors under them."""
