"""What will happen, decided by pure functions: modes become phases, phases a tree, the tree a plan with decisions."""
