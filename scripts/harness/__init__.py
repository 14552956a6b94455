"""The crash harness: see scripts/torture."""
