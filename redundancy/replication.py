"""Replication between the two nodes of a pair: each pulls from the other what it has not applied yet."""

from __future__ import annotations

from redundancy.records import MAX_BODY, MemoryStore, Record, RecordStore

__all__ = ["MAX_BODY", "MemoryStore", "Record", "RecordStore"]
