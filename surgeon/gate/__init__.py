"""Budgets: what a network may cost, and whether it keeps to that. Data and judging only; nothing is measured here."""
