"""Encoders: what places the samples."""

from __future__ import annotations

from graphurl.encoders.base import Encoded, Encoder, Inputs, Plain, as_encoder

__all__ = ["Encoded", "Encoder", "Inputs", "Plain", "as_encoder"]
