"""Numbers of nature and of usual instruments: each once, in units, with its source."""

from __future__ import annotations

from collections.abc import Mapping

# --- electrons --------------------------------------------------------------------------------------------------------
ELECTRON_REST_ENERGY_KEV = 510.99895  # CODATA 2018
PLANCK_TIMES_LIGHT_KEV_NM = 1.239841984  # h c, CODATA 2018
BOHR_RADIUS_NM = 0.0529177211  # CODATA 2018

# --- annular dark field -----------------------------------------------------------------------------------------------
# Contrast of single atoms grows with the atomic number to a power of 1.6 to 2 that depends on the inner angle:
# Krivanek et al., Nature 464, 571 (2010), doi 10.1038/nature08879 (1.64); Hartel, Rose, Dinges, Ultramicroscopy 63, 93
# (1996), doi 10.1016/0304-3991(96)00020-4.
ADF_EXPONENT = 1.7
ADF_REFERENCE_Z = 42  # where the power law meets the screened Rutherford cross-section: the middle of the elements here
THOMAS_FERMI = 0.8853  # (9 π² / 128)^(1/3): radius of the Thomas-Fermi atom in units of a0 Z^(-1/3)

ATOMIC_NUMBER: Mapping[str, int] = {
    "B": 5,
    "C": 6,
    "N": 7,
    "O": 8,
    "Si": 14,
    "S": 16,
    "Ti": 22,
    "Ga": 31,
    "As": 33,
    "Se": 34,
    "Sr": 38,
    "Mo": 42,
    "La": 57,
    "W": 74,
    "Pt": 78,
    "Au": 79,
}

# --- crystals: lattice constants at room temperature ------------------------------------------------------------------
STRONTIUM_TITANATE_A_NM = (
    0.3905  # Okazaki, Kawaminami, Mater. Res. Bull. 8, 545 (1973), doi 10.1016/0025-5408(73)90130-X
)
GRAPHENE_A_NM = 0.2461  # in-plane graphite: Trucano, Chen, Nature 258, 136 (1975), doi 10.1038/258136a0
BORON_NITRIDE_A_NM = 0.2504  # Pease, Acta Cryst. 5, 356 (1952), doi 10.1107/S0365110X52001064
MOLYBDENITE_A_NM = 0.3161  # Wakabayashi, Smith, Nicklow, Phys. Rev. B 12, 659 (1975), doi 10.1103/PhysRevB.12.659
GALLIUM_ARSENIDE_A_NM = 0.56533  # Blakemore, J. Appl. Phys. 53, R123 (1982), doi 10.1063/1.331665
GOLD_A_NM = 0.40782  # Dutta, Dayal, phys. stat. sol. (b) 3, 2251 (1963), doi 10.1002/pssb.19630031207

POISSON_RATIO = 0.25  # of an elastic solid with equal Lamé constants; most crystals lie between 0.2 and 0.4

# --- instruments ------------------------------------------------------------------------------------------------------
# A probe of an aberration-corrected microscope is 0.08 to 0.1 nm wide at half its height: sigma = FWHM / 2.355.
# Krivanek et al. 2010, as above, image hBN with 0.12 nm at 60 kV.
CORRECTED_PROBE_SIGMA_NM = 0.045
FWHM_PER_SIGMA = 2.3548200450309493  # 2 sqrt(2 ln 2)

# --- damage -----------------------------------------------------------------------------------------------------------
# Doses at which contrast has fallen to 1/e, of the order that R. F. Egerton, P. Li, M. Malac give: Micron 35, 399 (2004),
# doi 10.1016/j.micron.2004.02.003. They vary by more than a factor of three with temperature and voltage.
CRITICAL_DOSE_E_PER_NM2: Mapping[str, float] = {
    "aliphatic": 1e3,
    "aromatic": 1e4,
    "zeolite": 1e6,
    "oxide": 1e8,
}
