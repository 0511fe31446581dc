"""Families that do not learn from the signal end to end: the floor, descriptors with a linear model or trees."""
