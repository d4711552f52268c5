"""From a plan to what came of it: planning, runs, tiles, grounds and reports."""
