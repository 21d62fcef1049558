"""Trying Tandem against somebody's own system: one Independent node, by one command, against any broker."""
