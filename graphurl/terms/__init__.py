"""Terms by name: what a method compares, and what an add-on compares beside it."""

from __future__ import annotations

from graphurl.terms.comparison import loss_of, similarity_of
from graphurl.terms.context import Builder, Context

__all__ = ["Builder", "Context", "loss_of", "similarity_of"]
