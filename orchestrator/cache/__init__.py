"""What is kept in Redis and may be lost at any moment (I10, ADR 7): the suppression cache. The store has the truth."""
