"""House 1: what a system team writes, and how it runs. Imports schemas only.

Start at ``contract`` (the five methods of a connector), then ``datamap`` (what a system holds, as TOML), then
``execute`` (how a batch of tasks becomes confirmations). ``testing`` is the conformance suite.
"""
