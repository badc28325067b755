from __future__ import annotations


def check_rests(scenario, made):
    pass
