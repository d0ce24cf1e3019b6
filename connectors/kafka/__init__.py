"""How connectors and the orchestrator reach Kafka. Nothing else of this house imports a broker's library."""
