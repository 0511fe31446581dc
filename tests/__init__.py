"""Tests: one file for each module or contract."""
