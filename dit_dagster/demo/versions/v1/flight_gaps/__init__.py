"""Finds the aircraft that stop leaving New York for a while, in BigQuery."""
