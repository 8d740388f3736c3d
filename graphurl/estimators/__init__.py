"""Estimators: the scikit-learn face of `embed`."""

from __future__ import annotations
