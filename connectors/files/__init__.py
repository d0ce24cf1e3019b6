"""The engine that ``events`` and ``logs`` share: records that are lines or rows of files under one folder.

Read ``connector`` first (the five methods), then ``scan`` (one pass for a whole batch) and ``lines`` or
``parquet`` (how one file is read and rewritten). ``text`` and ``jsonl`` decide whether a line is about a person;
``needles`` makes the byte patterns that lead to the lines worth looking at; ``replace`` is the only place that
changes a file. May touch the disk below the system's root, nothing else.
"""
