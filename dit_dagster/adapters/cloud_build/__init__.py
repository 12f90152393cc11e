"""Google Cloud Build: requests as values, the client that submits and follows them, and the sources that they name."""
