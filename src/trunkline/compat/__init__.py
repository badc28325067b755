"""Facades: code written for one of four older systems runs here, its import root changed.

Translation only: names, defaults, shapes. Everything behind them is public and usable without them. What differs from
the systems' own documents, and why, stands in ``docs/seeds.md``.
"""
