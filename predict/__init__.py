"""Classify texts with an exported model; this folder goes with it."""
