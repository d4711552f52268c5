"""Find what is rare in an image, plan a visit, and measure it.

python examples/01_find_what_is_rare.py
"""

import numpy as np

import deepscan_core as ds

# A noisy image with three bright particles of 10 nm diameter at 0.5 nm a pixel.
rng = np.random.default_rng(0)
y, x = np.mgrid[:384, :384]
array = rng.normal(100, 5, (384, 384))
for cy, cx in ((90, 120), (200, 310), (300, 60)):
    array += 60 * np.clip(10 - np.hypot(y - cy, x - cx) + 0.5, 0, 1)
image = ds.CalibratedImage(array, pixel_size_nm=0.5, name="three particles")  # or ds.read_image("file.tif")

study = ds.Study(image)  # features are computed once, on first need, and kept
surprisal = study.surprisal()
regions = study.regions(surprisal, area_fraction=0.05, region_size_nm=20)
for measured in study.measure(regions):
    print(
        f"object {measured.id} at ({measured.centroid_y_nm:.1f}, {measured.centroid_x_nm:.1f}) nm: "
        f"{measured.area_nm2:.0f} nm², {measured.equivalent_diameter_nm:.1f} nm across"
    )

protocol = ds.make_protocol(image, regions)
print(f"{len(protocol.steps)} steps, {protocol.predicted_time_s:.2f} s")
