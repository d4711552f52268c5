"""Floor 2: from features to one score a pixel. Takes `FeatureMap` records, knows no network."""
