"""Embeddings for other programs: Parquet tables, TensorBoard's projector, AnnData."""

from __future__ import annotations

from graphurl.exports.annotated import annotated, write_annotated
from graphurl.exports.parquet import write_parquet
from graphurl.exports.projector import write_projector
from graphurl.exports.rows import label_texts, row_ids

__all__ = ["annotated", "label_texts", "row_ids", "write_annotated", "write_parquet", "write_projector"]
