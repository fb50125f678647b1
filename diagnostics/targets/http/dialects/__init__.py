"""One pure module for each product. `docs/targets.md` says how to add one."""
