"""Which tests assert each of the 30 properties of harmonization.md 10; a property without a test fails here."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
H = "harmonize/test_"
PROPERTIES: dict[int, tuple[str, ...]] = {
    # DN to dB and back, CF, A = 32 dB, bilinear tables
    1: (
        f"{H}radiometry.py::test_palsar2_digital_numbers_in_decibels",
        f"{H}radiometry.py::test_palsar2_single_look_complex",
        f"{H}radiometry.py::test_palsar2_round_trip",
        f"{H}radiometry.py::test_decibel_round_trip",
        f"{H}radiometry.py::test_sentinel1_calibration_and_denoising",
        f"{H}calibration_tables.py::test_bilinear_example",
        f"{H}calibration_tables.py::test_bilinear_is_scipys_within_and_the_nearest_value_beyond",
        f"{H}calibration_tables.py::test_digital_number_500",
        "catalogs/test_sentinel1_safe.py::test_tables_at_every_pixel_of_a_window",
    ),
    # beta0, sigma0, gamma0
    2: (
        f"{H}radiometry.py::test_radiometric_quantities_at_38_degrees",
        f"{H}radiometry.py::test_the_triangle_of_quantities_closes",
        f"{H}properties_more.py::test_digital_numbers_come_back_through_every_quantity",
        "catalogs/test_sentinel1_safe.py::test_calibration_tables_close_the_triangle_with_the_angle_of_the_grid",
    ),
    # the n = 1 law is the conversion to gamma0
    3: (f"{H}incidence.py::test_isotropic_normalisation_is_the_conversion_to_gamma0",),
    # what is left of the angle
    4: (
        f"{H}soil.py::test_soil_is_nearly_a_line_in_incidence",
        f"{H}water.py::test_slope_with_angle_between_30_and_46_degrees",
        f"{H}angle.py::test_what_is_left_of_the_angle_over_water",
        f"{H}properties_more.py::test_what_a_line_leaves_of_the_angle_at_38_degrees",
    ),
    # normalisation: identity, there and back
    5: (
        f"{H}incidence.py::test_normalisation_there_and_back_is_identity",
        f"{H}incidence.py::test_normalisation_at_the_reference_angle_changes_nothing",
    ),
    # variance of a normalised value
    6: (
        f"{H}incidence.py::test_normalised_value_and_variance_of_the_worked_example",
        f"{H}incidence.py::test_variance_never_shrinks_and_grows_with_the_distance_moved",
    ),
    # reference values of the forward models
    7: (
        f"{H}water.py::test_cmod5n",
        f"{H}water.py::test_cmod5n_over_all_directions",
        f"{H}water.py::test_polarization_ratios",
        f"{H}soil.py::test_both_models_at_38_degrees_and_1_2_centimetres",
        f"{H}dielectric.py::test_permittivity_at_both_bands",
        f"{H}dielectric.py::test_reflectivity_of_water_soil_and_asphalt",
    ),
    # scale invariance
    8: (
        f"{H}soil.py::test_the_same_roughness_in_wavelengths_is_the_same_soil",
        f"{H}soil.py::test_dubois_breaks_scale_invariance_by_4_4_decibels",
    ),
    # monotone forward models
    9: (
        f"{H}water.py::test_stronger_wind_is_brighter",
        f"{H}water.py::test_shallower_incidence_is_darker",
        f"{H}water.py::test_vertical_is_brighter_than_horizontal",
        f"{H}soil.py::test_soil_brightens_with_moisture_and_roughness",
    ),
    # limits
    10: (
        f"{H}vegetation.py::test_no_plants_are_ground_and_opaque_plants_are_volume",
        f"{H}vegetation.py::test_limits_of_volume_and_ground",
        f"{H}double_bounce.py::test_rough_reflection_keeps_between_its_floor_and_all",
        f"{H}double_bounce.py::test_extinction_is_scattering_without_loss_and_more_with_it",
        f"{H}dielectric.py::test_no_surface_reflects_more_than_it_gets_nor_v_more_than_h",
    ),
    # flooded forest
    11: (
        f"{H}double_bounce.py::test_flooding_of_the_reference_stand",
        f"{H}double_bounce.py::test_l_band_sees_the_flood_and_c_band_does_not",
        f"{H}double_bounce.py::test_flooding_shows_less_under_more_crowns_at_larger_angles_and_on_rough_water",
    ),
    # double bounce limited by tilt
    12: (
        f"{H}double_bounce.py::test_tilt_of_the_reference_stand",
        f"{H}double_bounce.py::test_tall_trunks_reach_the_limit_without_frequency",
    ),
    # the likelihood is a density
    13: (
        f"{H}likelihood.py::test_density_integrates_to_one",
        f"{H}likelihood.py::test_distance_from_a_normal_curve_in_decibels",
        f"{H}likelihood.py::test_many_looks_give_a_normal_curve_and_no_comb",
    ),
    # ratios: antisymmetry, units
    14: (
        f"{H}properties_more.py::test_evidence_for_one_is_evidence_against_the_other",
        f"{H}likelihood.py::test_ratios_do_not_depend_on_the_unit_of_power",
        f"{H}likelihood.py::test_monotone_fit_is_antisymmetric_and_leaves_monotone_curves_alone",
    ),
    # ratios: limits, finite
    15: (
        f"{H}likelihood.py::test_evidence_is_gone_once_noise_is_stronger_than_any_class",
        f"{H}properties_more.py::test_noise_above_every_class_leaves_no_evidence",
        f"{H}properties_more.py::test_a_class_that_can_be_anything_is_no_evidence",
        f"{H}likelihood.py::test_density_is_finite_for_every_value_that_noise_removal_can_leave",
    ),
    # robust, monotone, capped
    16: (
        f"{H}likelihood.py::test_no_single_value_is_worth_more_than_the_cap",
        f"{H}likelihood.py::test_robust_and_monotone_ratios",
        f"{H}evidence.py::test_every_finite_value_has_finite_evidence_within_the_cap",
    ),
    # looks and information
    17: (
        f"{H}what_each_band_sees.py::test_evidence_favours_the_true_class_on_average",
        f"{H}what_each_band_sees.py::test_more_looks_never_tell_less",
    ),
    # C band to L band and back, over water
    18: (
        f"{H}water.py::test_there_and_back_between_the_bands",
        f"{H}water.py::test_values_that_no_wind_makes_are_flagged",
    ),
    # the same meaning
    19: (
        f"{H}what_each_band_sees.py::test_a_value_of_evidence_means_the_same_from_either_band",
        f"{H}properties_more.py::test_a_bin_of_evidence_holds_the_same_share_of_floods_at_either_band",
    ),
    # averaging decibels against joint evidence
    20: (f"{H}what_each_band_sees.py::test_averaging_bands_is_chance_and_adding_evidence_per_class_is_not",),
    # decay in time
    21: (
        f"{H}decay.py::test_no_time_no_change",
        f"{H}decay.py::test_two_steps_are_one_step",
        f"{H}decay.py::test_decay_keeps_the_sign_shrinks_and_stays_within_bounds",
        f"{H}decay.py::test_no_evidence_stays_none_and_old_evidence_becomes_none",
    ),
    # NDWI
    22: (
        f"{H}optical.py::test_index_ignores_illumination_and_changes_sign_with_its_bands",
        f"{H}optical.py::test_a_forgotten_offset_turns_clear_water_into_doubtful_water",
        f"{H}properties_more.py::test_a_forgotten_offset_always_pulls_the_index_towards_zero",
    ),
    # optical can't veto
    23: (
        f"{H}evidence.py::test_optical_evidence_can_not_tell_a_flooded_forest_from_a_dry_one",
        f"{H}properties_more.py::test_what_optical_leaves_open_the_prior_and_radar_decide_alone",
        "models/test_bayes.py::test_light_can_not_veto_a_flood_under_trees_that_l_band_saw",
    ),
    # missing, permuted, copied sensors
    24: (
        "models/test_bayes.py::test_a_sensor_that_saw_nothing_contributes_exactly_nothing",
        "models/test_bayes.py::test_a_sensor_that_saw_nothing_is_as_good_as_not_supplied",
        "models/test_bayes.py::test_order_of_sensors_changes_no_bit",
        "models/test_reliability.py::test_a_copy_adds_nothing",
    ),
    # the prior enters once
    25: ("models/test_bayes.py::test_terrain_counts_once_however_many_sensors_there_are",),
    # terrain
    26: (
        f"{H}terrain.py::test_area_factor_of_a_plane_at_38_degrees",
        f"{H}terrain.py::test_local_incidence_at_38_degrees",
        f"{H}terrain.py::test_layover_and_shadow_at_38_degrees",
        f"{H}relief.py::test_a_wall_throws_shadow_behind_and_lies_over_the_ground_before_it",
        f"{H}relief.py::test_walking_finds_what_running_extremes_find",
        f"{H}rtc.py::test_a_plane_has_the_planar_factor_whatever_the_cells",
        f"{H}rtc_sarsen.py::test_factor_of_a_plane_is_sarsens",
        f"{H}rtc_sarsen.py::test_areas_of_rough_ground_are_sarsens",
    ),
    # speckle
    27: (
        f"{H}speckle.py::test_filters_keep_the_mean_and_raise_the_looks",
        f"{H}speckle.py::test_multilooking_keeps_the_mean_and_skips_gaps",
        f"{H}speckle.py::test_multitemporal_filter_keeps_every_mean_and_gains_looks",
        f"{H}speckle.py::test_looks_of_uniform_ground",
        f"{H}speckle.py::test_a_block_with_its_halo_is_the_whole_bit_for_bit",
    ),
    # clipping of single looks
    28: (
        f"{H}speckle.py::test_clipping_single_looks",
        f"{H}speckle.py::test_clipping_of_single_looks_can_be_undone",
    ),
    # chunks and precision
    29: (
        f"{H}properties_more.py::test_evidence_in_dask_chunks_has_the_bits_of_the_whole",
        f"{H}properties_more.py::test_densities_of_values_in_single_precision_are_those_of_double",
        f"{H}properties_more.py::test_optical_evidence_in_single_precision_is_that_of_double",
        f"{H}evidence.py::test_kernel_equals_the_plain_formula_in_double_precision",
    ),
    # extreme scenes
    30: (
        f"{H}properties_more.py::test_a_dry_scene_stays_dry_and_a_flooded_one_is_flooded",
        f"{H}properties_more.py::test_a_scene_without_a_value_is_the_prior_and_names_no_sensor",
        f"{H}properties_more.py::test_one_sensor_alone_equals_it_beside_a_blind_one",
        f"{H}mixture.py::test_a_dry_scene_leaves_water_where_it_was",
        f"{H}mixture.py::test_a_flooded_scene_leaves_the_dry_classes_where_they_were",
        f"{H}mixture.py::test_one_value_a_million_times_collapses_nothing",
    ),
}


@cache
def named_in(file: str) -> frozenset[str]:
    """Names of the test functions of a file, as pytest would collect them; nothing is run."""
    path = FOLDER / file
    if not path.is_file():
        return frozenset()
    functions = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
    return frozenset(node.name for node in functions if node.name.startswith("test_"))


def test_all_thirty_properties_are_in_the_table() -> None:
    assert list(PROPERTIES) == list(range(1, 31))


@pytest.mark.parametrize("number", PROPERTIES)
def test_every_property_has_tests_and_they_exist(number: int) -> None:
    named = PROPERTIES[number]
    assert named and len(set(named)) == len(named)
    missing = [name for name in named if name.split("::")[1] not in named_in(name.split("::")[0])]
    assert not missing, f"property {number} of harmonization.md 10 names tests that are not there: {missing}"


def test_tests_that_are_not_there_are_noticed() -> None:
    """The check itself: neither a missing file nor a helper function counts as a test."""
    assert named_in("harmonize/test_of_nothing.py") == frozenset()
    here = named_in(Path(__file__).name)
    assert "test_tests_that_are_not_there_are_noticed" in here
    assert "named_in" not in here
