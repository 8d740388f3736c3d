"""Benchmarks that a user can run: one protocol, paired seeds, resumable."""

from __future__ import annotations
