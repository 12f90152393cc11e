"""Making a plan happen, through ports only."""
