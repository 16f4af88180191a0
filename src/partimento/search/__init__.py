"""An index of embeddings: nearest pieces and duplicates."""

import os

# Lance logs its own upkeep ("partition 42 is empty") as warnings on stderr; it reads this when it is first imported.
os.environ.setdefault("LANCE_LOG", "error")
