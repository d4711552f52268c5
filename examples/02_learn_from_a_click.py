"""Two kinds of things are rare; one click says which is wanted.

python examples/02_learn_from_a_click.py
"""

import numpy as np

import deepscan_core as ds

# Bright dots and dark scratches on a noisy ground.
rng = np.random.default_rng(1)
y, x = np.mgrid[:320, :320]
array = rng.normal(100, 4, (320, 320))
dots = [(60, 70), (60, 240), (250, 80), (160, 160)]
for cy, cx in dots:
    array += 60 * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 32)
for row in (110, 215, 280):
    array[row : row + 3, 180:260] -= 40

study = ds.Study(ds.CalibratedImage(array))
wanted = study.teach(positives_px=[dots[0]], negatives_px=[(111, 220)])  # (y, x) in pixels
regions = study.regions(wanted, area_fraction=0.05, region_size_px=24)
found = [any(max(abs(r.center_px[0] - cy), abs(r.center_px[1] - cx)) <= 12 for r in regions) for cy, cx in dots]
print(f"{sum(found)} of {len(dots)} dots are planned after one click on the first")
