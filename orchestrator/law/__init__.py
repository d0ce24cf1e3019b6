"""The law as dated data, and the arithmetic of periods. Pure. The breadth (calendars, regimes) follows later."""
