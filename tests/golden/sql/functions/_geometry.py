"""Shared by the files of functions."""

import math


def circle(radius: float) -> float:
    return math.pi * radius * radius
