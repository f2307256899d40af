"""Shapes and costs of frequent functions, without running them."""
