"""Training: one loop for every task."""

from __future__ import annotations

from graphurl.training.callbacks import CollapseMonitor, EarlyStop, MetricsFile, Progress, Snapshots
from graphurl.training.trainer import Settings, Trained, Trainer

__all__ = ["CollapseMonitor", "EarlyStop", "MetricsFile", "Progress", "Settings", "Snapshots", "Trained", "Trainer"]
