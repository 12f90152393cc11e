"""Finds the aircraft that stay on the ground for days, with Apache Beam on BigQuery."""
