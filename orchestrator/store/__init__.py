"""The store: the authority on everything that happened (decision 2). SQLAlchemy Core; SQLite or PostgreSQL."""
