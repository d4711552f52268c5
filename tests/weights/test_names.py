"""Names of networks, and names for them that timm does not know."""

from __future__ import annotations

import pytest

from deepscan_core.errors import InputError
from deepscan_core.weights.names import ALIASES, architecture_of, check_name, timm_name


def test_torchvision_and_dinov2_names_are_understood() -> None:
    assert timm_name("regnet_y_400mf") == "regnety_004.tv2_in1k"
    assert timm_name("dinov2_vits14") == "vit_small_patch14_dinov2.lvd142m"
    assert timm_name("regnety_004.pycls_in1k") == "regnety_004.pycls_in1k"
    assert architecture_of("regnet_y_400mf") == "regnety_004"


@pytest.mark.network
def test_every_other_name_means_a_network_of_timm_and_hides_none() -> None:
    from deepscan_core.weights.architectures import import_timm

    timm = import_timm()
    with_weights = set(timm.list_pretrained())
    for name, target in ALIASES.items():
        assert not timm.is_model(name), name
        assert timm.is_model(architecture_of(target)), target
        assert target in with_weights or "." not in target, target


@pytest.mark.network
@pytest.mark.parametrize(
    ("alias", "torchvision_name"),
    [("regnet_y_400mf", "regnet_y_400mf"), ("regnet_x_800mf", "regnet_x_800mf"), ("swin_t", None)],
)
def test_networks_of_the_same_name_have_as_many_parameters(alias: str, torchvision_name: str | None) -> None:
    from deepscan_core.weights.architectures import create_network

    ours = create_network(alias, whole=True)
    import torchvision

    theirs = torchvision.models.get_model(torchvision_name or alias, weights=None)
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b", "a.b.c", "../x", "a b", ".a", "a.", "x" * 200, "a\n", "ä"])
def test_names_that_could_leave_the_store_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="cannot name weights"):
        check_name(name)


@pytest.mark.network
def test_unknown_names_list_near_ones_of_both_kinds() -> None:
    from deepscan_core.weights.architectures import check_known

    for name, near in (("regnety_04", "regnety_004"), ("regnet_y_401mf", "regnet_y_400mf"), ("ResNet50x", "resnet50")):
        with pytest.raises(InputError, match=near):
            check_known(name)
