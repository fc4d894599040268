"""Changes the code of the core in small ways and counts the changes that no test notices (mutation testing).

`make mutants` does it with mutmut, in a copy under `build/mutants`; nothing in the work tree is touched.

Left out, and why:

- Sentences for people (a plain text with three words or more; see `sentences`): their wording is no
  behaviour. The codes beside them are mutated, and so is whether a sentence is given at all.
- Docstrings, types, and what runs once on import: constants, literal tables, default values of dataclasses.
  mutmut 3 mutates what stands in functions; the tables have tests that hold them whole.
- Functions under decorators other than those `engine` knows, and what is called on import alone.
- Tests that need PostgreSQL or other processes, for a mutant lives in one forked process; and with them
  `journal/postgres.py` and `journal/wake.py`, which do nothing without PostgreSQL.

A mutant counts as killed when a test fails on it, or when it makes the tests run much longer than they do.
"""
