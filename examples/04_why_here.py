"""A place is planned; why? Numbers, plain words and a picture of the grounds.

python examples/04_why_here.py
"""

import numpy as np
from PIL import Image

import deepscan_core as ds
from deepscan_core.reporting.why_figure import why_rgb

# A square lattice of columns with shot noise; one column is missing.
rng = np.random.default_rng(3)
y, x = np.mgrid[:256, :256]
columns = np.exp(1.5 * (np.cos(2 * np.pi * x / 14) + np.cos(2 * np.pi * y / 14)))
missing = 1 - 0.9 * np.exp(-((y - 126) ** 2 + (x - 140) ** 2) / 18)
image = ds.CalibratedImage(rng.poisson(8 * columns * missing).astype(float), pixel_size_nm=0.028, name="lattice")

study = ds.Study(image)
region = study.regions(study.surprisal(), area_fraction=0.01, region_size_px=24)[0]
why = study.explain(region)
for sentence in why.sentences:
    print(sentence)
print(f"{why.nats:.0f} nats, of which:", {name: round(nats) for name, nats in why.contributions_nats.items()})
print(f"the region replaced by its prediction has {why.occlusion.left_nats:.1f} nats")
Image.fromarray(why_rgb(why, image)).save("why_here.png")
