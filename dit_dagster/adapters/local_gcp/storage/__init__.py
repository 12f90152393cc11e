"""The Cloud Storage JSON API over a directory, and the token endpoint.

A bucket is a folder and an object is a file in it, so that BigQuery's load and extract jobs, which the emulator
runs on the same folder, see what the client wrote and the other way round. Standard library only: it starts in
a tenth of a second.
"""
