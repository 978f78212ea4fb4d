"""The rules of procurement time. Imports nothing above it.

Reading order: ``errors, law, term, workdays, workflow, matter, clock`` are values; ``machine`` and
``rules`` are the only doors to `transitions` and CEL; ``reader`` and ``findings`` turn YAML into a
``Bundle``; on top are the routes: ``advance`` (a person acts), ``patrol`` (time passes).
"""
