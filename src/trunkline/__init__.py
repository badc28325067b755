"""Trunkline: one line to every language model."""
