"""Ramps keep their order for every eye."""

from __future__ import annotations

import numpy as np
import pytest

from layers.ramps import RAMPS, TEMPERATURE, legend, palette, ramp_for

# Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB.
PROTAN = np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]])
DEUTAN = np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]])
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
)


def lab(colours: list[str], eye: np.ndarray) -> np.ndarray:
    """CIE L*a*b* (D65) of colours as an eye sees them."""
    rgb = np.array([[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = (linear @ eye.T).clip(0, 1) @ TO_XYZ.T / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


@pytest.mark.parametrize("eye", [np.eye(3), PROTAN, DEUTAN], ids=["normal", "protanope", "deuteranope"])
@pytest.mark.parametrize("quantity", sorted(RAMPS))
def test_neighbouring_stops_differ_and_lightness_runs_one_way(quantity: str, eye: np.ndarray) -> None:
    ramp = RAMPS[quantity]
    seen = lab([colour for _, colour in ramp.stops], eye)
    assert np.linalg.norm(np.diff(seen, axis=0), axis=1).min() > 5.0
    turns = np.sign(np.diff(seen[:, 0]))
    expected = 1 if ramp is TEMPERATURE else 0
    assert (np.diff(turns) != 0).sum() == expected


@pytest.mark.parametrize("quantity", sorted(RAMPS))
def test_stops_increase_and_legend_shows_them(quantity: str) -> None:
    ramp = RAMPS[quantity]
    values = [value for value, _ in ramp.stops]
    assert values == sorted(set(values))
    shown = legend(ramp, "mm")
    assert [(stop["value"], stop["colour"]) for stop in shown["stops"]] == list(ramp.stops)
    assert shown["kind"] == ("continuous" if ramp.interpolate else "classes")


@pytest.mark.parametrize(
    ("quantity", "same"),
    [
        ("precipitation", "precipitation"), ("precipitation_rate", "precipitation_rate"),
        ("air_temperature_850hpa", "air_temperature"), ("air_temperature_max_p90", "air_temperature_max"),
    ],
)  # fmt: skip
def test_quantity_at_a_level_has_the_ramp_of_the_quantity(quantity: str, same: str) -> None:
    assert ramp_for(quantity) is RAMPS[same]


def test_unknown_quantity_gets_a_ramp_over_its_values() -> None:
    ramp = ramp_for("grib_0_19_192", 3.0, 12.0)
    assert (ramp.stops[0][0], ramp.stops[-1][0]) == (3.0, 12.0)
    assert ramp_for("grib_0_19_192", 5.0, 5.0).stops[-1][0] == 6.0
    assert ramp_for("wind_gust_probability_0_any_20", 0.0, 1.0).stops[-1][0] == 100.0


def test_what_is_made_of_a_quantity_is_not_coloured_as_amounts() -> None:
    period, fire = ramp_for("precipitation_24h_return_period"), ramp_for("fwi")
    assert [value for value, _ in period.stops] == [2, 5, 10, 20, 50, 100]
    assert [value for value, _ in fire.stops] == [0, 5.2, 11.2, 21.3, 38, 50]
    for ramp in (period, fire):
        lightness = lab([colour for _, colour in ramp.stops], np.eye(3))[:, 0]
        assert (np.diff(lightness) < -5).all()
    assert ramp_for("precipitation_24h_extreme_shape", -0.5, 0.5).stops[0][0] == -0.5
    assert ramp_for("precipitation_24h_return_level_20y") is RAMPS["precipitation"]


def test_palette_of_classes_starts_at_the_first_stop() -> None:
    colours = palette(RAMPS["precipitation"])
    index = colours.index(np.array([np.nan, -1.0, 0.0, 0.0999, 0.1, 0.99, 1.0, 250.0, 9e9], np.float32))
    assert index.tolist() == [0, 0, 0, 0, 1, 1, 2, 9, 9]
    assert "#{:02x}{:02x}{:02x}".format(*colours.rgb[9]) == RAMPS["precipitation"].stops[-1][1]


def test_palette_of_a_continuous_ramp_holds_its_ends() -> None:
    ramp = RAMPS["air_temperature"]
    colours = palette(ramp)
    index = colours.index(np.array([np.nan, -90.0, -40.0, 40.0, 90.0], np.float32))
    assert index.tolist() == [0, 1, 1, 255, 255]
    for number, stop in ((1, 0), (255, -1)):
        assert "#{:02x}{:02x}{:02x}".format(*colours.rgb[number]) == ramp.stops[stop][1]
