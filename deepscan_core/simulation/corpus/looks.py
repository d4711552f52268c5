"""How objects of the corpus look and where they are: adjectives, nouns that say it, places, openings."""

from __future__ import annotations

from collections.abc import Mapping

from deepscan_core.simulation.corpus.nouns import phrases

TONES: Mapping[str, tuple[str, ...]] = {
    "bright": phrases("bright, white, light, luminous, brighter, light-coloured, shining, pale"),
    "dark": phrases("dark, black, darker, dim, low-intensity, shadowy, dark grey"),
}
FORMS: Mapping[str, tuple[str, ...]] = {
    "linear": phrases("linear, line-like, long, long thin, thin, narrow, line-shaped, elongated thin, stringy"),
    "round": phrases("round, circular, spherical, rounded, ball-like, disc-shaped, dot-like"),
    "angular": phrases("angular, faceted, polygonal, square, sharp-cornered, blocky, cube-like"),
    "irregular": phrases("irregular, ragged, irregularly shaped, uneven, jagged, rough-edged"),
    "elongated": phrases("elongated, oblong, stretched, rod-like, oval, flattened"),
}
SIZES: Mapping[str, tuple[str, ...]] = {
    "small": phrases("small, tiny, fine, minute, little, very small"),
    "large": phrases("large, big, coarse, huge, very large"),
}
LAYOUTS: Mapping[str, tuple[str, ...]] = {
    "crowded": phrases("crowded, densely packed, many, dense, close-packed, numerous"),
    "isolated": phrases("isolated, single, few, sparse, lone"),
    "parallel": phrases("parallel, aligned, oriented"),
    "network": phrases("connected, a network of, branching, interconnected, criss-crossing"),
}
# Nouns that name a form as well as a kind.
FORMED_NOUNS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("particle", "round"): phrases(
        """
        solid spheres, round grains of powder, round capsules, spheres, balls, beads, microspheres, spherical
        particles, sphere, droplets, drops, ball-shaped particles, microbeads, circular particles, spherical powder,
        discs
        """
    ),
    ("particle", "angular"): phrases(
        """
        cubes, nanocubes, cubic crystals, faceted crystals, polygonal particles, crystals, cube-shaped particles,
        octahedra, triangles, square particles, hexagons, prisms
        """
    ),
    ("particle", "elongated"): phrases(
        """
        rods, nanorods, elongated particles, rod-shaped particles, ellipsoids, bacteria-like rods, bars, oblong
        particles, rice-shaped particles
        """
    ),
    ("particle", "irregular"): phrases("irregular particles, rough particles, crushed particles, ragged grit"),
    ("pore", "round"): phrases("round pores, circular holes, spherical voids, round bubbles"),
    ("pore", "elongated"): phrases("elongated pores, slit pores, flattened voids, lens-shaped voids"),
    ("precipitate", "angular"): phrases(
        """
        cubic gamma prime, cubic second phase, aligned cubic precipitates, box-shaped precipitates, cubic precipitates,
        square precipitates, faceted precipitates, block-shaped precipitates
        """
    ),
    ("precipitate", "round"): phrases("round precipitates, spherical precipitates, globular inclusions"),
    ("precipitate", "irregular"): phrases(
        """
        dendritic precipitates, lobed precipitates, flower-shaped precipitates, coarse islands of the second phase
        """
    ),
}
# Names of looks without a kind.
THINGS: Mapping[str, tuple[str, ...]] = {
    "": phrases("objects, features, things, structures, regions, areas, defects, shapes, contrast, anomalies"),
    "linear": phrases(
        """
        lines, line, linear features, streaks, line-like features, linear structures, lines and streaks
        """
    ),
    "round": phrases(
        """
        dots, circles, spots, round objects, round features, round spots, round blobs, rounded features
        """
    ),
    "angular": phrases("polygons, squares, angular shapes, blocks with corners, faceted objects"),
    "irregular": phrases("irregular shapes, irregular blobs, ragged patches"),
    "elongated": phrases("oblong shapes, ovals, elongated objects, sticks"),
}
PLACES = phrases(
    """
    in the matrix, on the substrate, on a support, in the oxide layer, in the coating, in the alloy, in the steel, on
    the surface, in the ceramic, in the polymer, in the film, within the material, in the metal, on a carbon film, in
    epoxy, at the surface, in the sample, on the fracture surface, in a cross-section, in the micrograph, embedded in
    the matrix, dispersed in the resin, of the specimen, in the image, between the layers, on silicon, in an SEM image,
    in a TEM image, across the field of view, on the grid
    """
)
OPENINGS = phrases(
    """
    the, a, some, all, find the, find, locate, where are the, show me, regions with, areas of, any, pictures of, look
    for, several, search for, mark
    """
)
