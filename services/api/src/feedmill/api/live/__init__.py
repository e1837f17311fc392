"""Home feeds as they grow: one reader of the state's tail a process, fanned out in memory to its streams."""
