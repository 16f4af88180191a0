"""Phrases of four bars that belong together: a melody and what follows it, a melody and what accompanies it."""
