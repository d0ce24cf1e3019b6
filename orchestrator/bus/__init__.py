"""The bus: adapters of its port on kafka-python (ADR 6), and what the brokers say about the group's offsets."""
