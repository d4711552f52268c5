"""What a network may be called: timm's name, a name of torchvision or DINOv2 that timm does not know, a tag of training."""

from __future__ import annotations

import re

from deepscan_core.errors import InputError

LONGEST_NAME = 120
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*(\.[A-Za-z0-9_][A-Za-z0-9_-]*)?")

# Names that timm does not know, and what it calls them. A tag is given where timm has the very weights that go by the
# name; elsewhere the architecture is the same (but for paddings, and layers that leave the features as they are) and the
# weights are timm's own.
ALIASES = {
    "regnet_x_400mf": "regnetx_004_tv.tv2_in1k",
    "regnet_x_800mf": "regnetx_008.tv2_in1k",
    "regnet_x_1_6gf": "regnetx_016.tv2_in1k",
    "regnet_x_3_2gf": "regnetx_032.tv2_in1k",
    "regnet_x_8gf": "regnetx_080.tv2_in1k",
    "regnet_x_16gf": "regnetx_160.tv2_in1k",
    "regnet_x_32gf": "regnetx_320.tv2_in1k",
    "regnet_y_400mf": "regnety_004.tv2_in1k",
    "regnet_y_800mf": "regnety_008_tv.tv2_in1k",
    "regnet_y_1_6gf": "regnety_016.tv2_in1k",
    "regnet_y_3_2gf": "regnety_032.tv2_in1k",
    "regnet_y_8gf": "regnety_080_tv.tv2_in1k",
    "regnet_y_16gf": "regnety_160.tv2_in1k",
    "regnet_y_32gf": "regnety_320.tv2_in1k",
    "mobilenet_v2": "mobilenetv2_100",
    "mobilenet_v3_small": "mobilenetv3_small_100",
    "mobilenet_v3_large": "mobilenetv3_large_100",
    "mnasnet1_0": "mnasnet_100",
    "efficientnet_v2_s": "tf_efficientnetv2_s",
    "efficientnet_v2_m": "tf_efficientnetv2_m",
    "efficientnet_v2_l": "tf_efficientnetv2_l",
    "swin_t": "swin_tiny_patch4_window7_224",
    "swin_s": "swin_small_patch4_window7_224",
    "swin_b": "swin_base_patch4_window7_224",
    "swin_v2_t": "swinv2_tiny_window8_256",
    "swin_v2_s": "swinv2_small_window8_256",
    "swin_v2_b": "swinv2_base_window8_256",
    "vit_b_16": "vit_base_patch16_224",
    "vit_b_32": "vit_base_patch32_224",
    "vit_l_16": "vit_large_patch16_224",
    "vit_l_32": "vit_large_patch32_224",
    "dinov2_vits14": "vit_small_patch14_dinov2.lvd142m",
    "dinov2_vitb14": "vit_base_patch14_dinov2.lvd142m",
    "dinov2_vitl14": "vit_large_patch14_dinov2.lvd142m",
    "dinov2_vitg14": "vit_giant_patch14_dinov2.lvd142m",
    "dinov2_vits14_reg": "vit_small_patch14_reg4_dinov2.lvd142m",
    "dinov2_vitb14_reg": "vit_base_patch14_reg4_dinov2.lvd142m",
    "dinov2_vitl14_reg": "vit_large_patch14_reg4_dinov2.lvd142m",
    "dinov2_vitg14_reg": "vit_giant_patch14_reg4_dinov2.lvd142m",
}


def timm_name(name: str) -> str:
    """The name timm knows a network by: that of an alias, or the name as it is."""
    return ALIASES.get(name, name)


def architecture_of(name: str) -> str:
    """The part before the tag: "regnety_004" of "regnety_004.tv2_in1k"."""
    return timm_name(name).split(".")[0]


def check_name(name: str) -> str:
    """`name` if it can name weights in a store on any system; raises `InputError` otherwise."""
    if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
        raise InputError(
            f"{name[:LONGEST_NAME]!r} cannot name weights: give a timm model, and if need be a dot and a tag of letters, "
            "digits, - and _"
        )
    return name
