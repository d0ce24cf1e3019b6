"""The law as dated data, and the arithmetic of periods. Pure: no clock, no file, no network."""
