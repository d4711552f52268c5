"""What the objects of the corpus are called: nouns by kind; no noun stands for two kinds."""

from __future__ import annotations

from collections.abc import Mapping

BACKGROUND = "background"


def phrases(listed: str) -> tuple[str, ...]:
    """The phrases of a list with commas between."""
    return tuple(" ".join(phrase.split()) for phrase in listed.split(","))


NOUNS: Mapping[str, tuple[str, ...]] = {
    "crack": phrases(
        """
        crack, cracks, cracking, microcrack, microcracks, fracture line, fracture lines, crack network, hairline
        cracks, branching cracks, crack path, cracked area, shrinkage cracks, fatigue crack, crazing, broken line,
        cracked seams, crack tips, mud cracks, delamination crack, vertical cracks, through cracks, fracture, tear,
        tears, cleft, clefts, breaks, break, intergranular crack, transgranular crack, channel cracks, thermal shock
        cracks, stress corrosion cracks, cracked coating, fractured layer, debonding, opened crack, cracks across the
        layer, crack front, broken seam, torn line
        """
    ),
    "scratch": phrases(
        """
        scratch, scratches, polishing marks, polishing scratches, grooves, scuff marks, grinding marks, score lines,
        abrasion marks, scratch lines, straight marks, handling marks, machining marks
        """
    ),
    "pore": phrases(
        """
        pore, pores, porosity, void, voids, cavity, cavities, hole, holes, bubble holes, gas pores, closed pores, open
        porosity, pore space, microvoids, micropores, porous region, air bubbles, blowholes, empty holes, shrinkage
        cavities, dark holes, keyhole pores, pore network, pore channels, empty spaces, empty voids, empty cavities,
        vacant spaces, gas cavities, perforations, punctures, interstices, porous voids, shrinkage porosity, residual
        porosity, air inclusions, lack of fusion voids, empty cells
        """
    ),
    "particle": phrases(
        """
        particle, particles, microparticles, powder particles, granules, colloids, colloidal particles, grit,
        particulates, isolated particles, dispersed particles, crystallites, latex particles, silica particles, polymer
        particles, metal particles, oxide particles, particle ensemble, powder, kernels, capsules, microcapsules,
        aerosol particles, pigment particles, loose particles, single particles, discrete particles, separate
        particles, solid particles, colloid, fine powder, individual particles, seed particles, core shell particles
        """
    ),
    "nanoparticle": phrases(
        """
        nanoparticle, nanoparticles, catalyst particles, metal nanoparticles, nanoclusters, supported nanoparticles,
        nanocrystals, quantum dots, gold nanoparticles, platinum nanoparticles, noble metal particles, metal clusters,
        catalyst nanoparticles, heavy metal particles, palladium nanoparticles, small metal crystals, active metal
        phase, ultrafine particles, nanosized particles, metal nanocrystals, supported clusters, palladium clusters,
        precious metal grains
        """
    ),
    "agglomerate": phrases(
        """
        agglomerate, agglomerates, agglomeration, aggregate, aggregates, aggregation, clump, clumps, clumped powder,
        particle clusters, clusters of particles, clustered grains, filler agglomerates, lumps, lumps of powder,
        nanoparticle agglomerates, flocs, flocculated filler, piled up granules, undispersed filler, cauliflower
        clusters, aggregated nanofiller, agglomerated particles, cluster, clumped particles, caked powder, matted
        filler, stuck together particles, heaped powder, bundles of particles, coagulated filler
        """
    ),
    "fibre": phrases(
        """
        fibre, fibres, fiber, fibers, filament, filaments, threads, fibrils, carbon fibres, nanofibers, strands,
        textile fibres, hair-like threads, fibre mat, electrospun fibers, yarn
        """
    ),
    "wire": phrases(
        """
        wire, wires, nanowire, nanowires, nanotubes, carbon nanotubes, tubes, whiskers, cables, metal wires, silver
        nanowires, interconnects, conducting lines
        """
    ),
    "needle": phrases(
        """
        needle, needles, laths, acicular crystals, needle-like crystals, plates seen edge-on, lath-shaped plates,
        spikes, splinters, acicular phase
        """
    ),
    "grain": phrases(
        """
        grain, grains, crystal grains, grain interiors, crystalline domains, polycrystalline grains, grain structure,
        equiaxed grains, granular microstructure
        """
    ),
    "grain boundary": phrases(
        """
        grain boundary, grain boundaries, boundaries between grains, grain borders, boundary lines, boundary network,
        intergranular boundary, grain edges, twin boundary, grain contours, etched boundaries, boundary grooves, grain
        outlines, cell walls of the grain structure, twin boundaries, grain boundary network
        """
    ),
    "precipitate": phrases(
        """
        precipitate, precipitates, precipitation, second phase, secondary phase, gamma prime, gamma prime precipitates,
        precipitate phase, precipitated phase, strengthening phase, hardening phase, coherent precipitates,
        second-phase bodies, phase domains, inclusion, inclusions, embedded phase, exsolved phase, etched cuboidal
        phase, tertiary precipitates, secondary precipitates, minor phase, dispersion of a second phase, dispersed
        second phase, oxide dispersion, dispersion-strengthening phase, finely dispersed phase, hardening dispersion,
        ordered phase, ordered precipitates, laves phase, sigma phase, eta phase, rafted precipitates, blocky
        precipitates, matrix precipitates, age-hardening precipitates, coarsened precipitates, second phase islands,
        other phase, different phase, phase islands
        """
    ),
    "carbide": phrases(
        """
        carbide, carbides, carbide particles, cementite, cementite particles, spheroidised carbides, iron carbide,
        spheroidite, hard particles, nitrides, chromium carbides, globular carbides, carbide phase, hard phase
        """
    ),
    "satellite": phrases(
        """
        satellite, satellites, satellite particles, attached small spheres, small balls attached to large ones, stuck
        small particles, adhering small particles, small spheres fused to a bigger one, powder satellites, parasitic
        small spheres, warts, small satellites, attached balls, stuck beads on powder, little spheres stuck to bigger
        ones, adhered fine powder, tiny spheres on powder balls
        """
    ),
    "step": phrases(
        """
        step, steps, step edge, step edges, terrace edges, atomic steps, surface steps, terrace steps, staircase,
        ledges, monatomic steps, terraces
        """
    ),
    "island": phrases(
        """
        island, islands, raised plateau, mounds, hillocks, adsorbate islands, surface islands, bumps, mesas
        """
    ),
    "pit": phrases("pit, pits, etch pits, dimples, surface pits, depressions, dents, craters, indentations"),
    "atom": phrases(
        """
        atom, atoms, adatom, adatoms, single atoms, isolated atoms, heavy atoms, platinum atoms, atomic dots,
        individual atoms, adsorbed atoms, single metal atoms
        """
    ),
    "vacancy": phrases(
        """
        vacancy, vacancies, missing atoms, missing atom, missing column, lattice vacancies, absent atoms, unoccupied
        sites, atomic vacancy, point vacancies
        """
    ),
    "dopant": phrases(
        """
        dopant, dopants, substitution, substitutional atoms, foreign atoms, impurity atoms, impurities, doped sites,
        heteroatoms, dopant atoms, alien columns, antisite
        """
    ),
    "dislocation": phrases(
        """
        dislocation, dislocations, edge dislocation, dislocation core, extra half plane, line defect of the crystal,
        threading dislocation, burgers vector, broken lattice planes
        """
    ),
    "lattice": phrases(
        """
        lattice, crystal lattice, atomic columns, periodic lattice, atomic rows, lattice fringes, ordered atoms,
        crystalline pattern, atomic resolution pattern, periodic columns
        """
    ),
    "contamination": phrases(
        """
        contamination, contaminated area, stain, stains, carbon deposit, hydrocarbon patch, dirty film, residue, beam
        damage, burnt rectangle, smear, discoloured patch, blotch
        """
    ),
    "debris": phrases(
        """
        debris, dust, dirt, dust grains, fragments, foreign bodies, chips, shards, litter, loose dirt
        """
    ),
    "charging": phrases(
        """
        charging, charging artefact, charging artifact, charging streaks, charge up, bright scan streaks, horizontal
        streaks, electrostatic charging, flare lines
        """
    ),
    "stripe": phrases(
        """
        stripe, stripes, curtaining, curtain artefact, milling stripes, striping, scan line noise, banding, vertical
        stripes, milling lines, waterfall artefact
        """
    ),
    "annotation": phrases(
        """
        annotation, scale bar, text, label, letters, caption, writing, printed text, information bar, figure label,
        numbers, legend, burnt-in text
        """
    ),
    "vacuum": phrases(
        """
        vacuum, outside of the sample, beyond the edge, free space, high vacuum, outer space, sample edge to vacuum,
        exterior
        """
    ),
    "interface": phrases(
        """
        interface, interfaces, layer boundary, coating interface, phase boundary between layers, bond line, junction of
        two layers, material transition, film edge, sharp edges
        """
    ),
    "lamella": phrases(
        """
        lamella, lamellae, lamellar structure, pearlite, alternating plates, layered plates, eutectic, lamellar colony,
        labyrinth pattern, ripples
        """
    ),
    "flake": phrases(
        """
        flake, flakes, sheet, sheets, nanosheets, graphene flakes, platelets, thin sheets, exfoliated flakes, folded
        sheet, two-dimensional crystals
        """
    ),
    BACKGROUND: phrases(
        """
        background, clean background, plain background, nothing, nothing special, featureless area, blank area, bare
        background, bare area, undisturbed area, smooth area, uniform area, intact area, bulk, noise, clean area, flat
        region
        """
    ),
}
KINDS = tuple(NOUNS)
