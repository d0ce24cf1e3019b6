"""Evidence, pure: the signed form of a completion record and how it is checked. The Merkle log follows later."""
