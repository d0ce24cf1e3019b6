"""Evidence, pure: signed completion records, the Merkle log over them, its checkpoints, and how each is checked."""
