"""What the patches are made of: how to put one in, and what to ask of the emulator and of SQL."""
