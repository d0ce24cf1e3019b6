"""Years of requests in minutes: the real engine on a real store, simulated systems and people, a clock that jumps."""
