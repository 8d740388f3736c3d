"""How much memory a run will need, before it starts."""

from __future__ import annotations

from graphurl.memory.pictures import kept_by, require_memory_of_views
from graphurl.memory.room import available_memory
from graphurl.memory.tables import FULL_BATCH, estimate_memory, estimate_scratch, reached, require_memory

__all__ = [
    "FULL_BATCH",
    "available_memory",
    "estimate_memory",
    "estimate_scratch",
    "kept_by",
    "reached",
    "require_memory",
    "require_memory_of_views",
]
