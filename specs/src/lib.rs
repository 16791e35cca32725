//! Nothing to run: this package's tests (`specs/tests/`) keep the rules that `specs/` sets for the code.
