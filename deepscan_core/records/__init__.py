"""Floor 0: the values that travel through DeepScan. Frozen, validated at birth, changed with ``replace``."""
