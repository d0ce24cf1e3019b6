"""What a connector team tests with; shipped, so that it needs nothing but this package and pytest.

* ``conformance.ConnectorConformance``: the suite, to be subclassed; its docstring shows how.
* ``fake``: an in-memory system whose faults are scripted.
* ``people``: made-up persons whose values are easy to search for, and their all too similar neighbours.
* ``desk``: makes tasks, executes them, opens the answers.
* ``canary``: the forms in which a value may leak.
"""
