"""Reports for a DPO: figures of a period, and what needs whom now. Pure: computed from what it is given (ADR 41)."""
