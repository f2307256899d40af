"""Editing networks: what was asked (recipe), what that means here (plan), and whether it held (checks)."""
