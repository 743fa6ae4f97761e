"""For each file of rules a record that is right, and for each rule what is changed to plant its fault."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Values = Mapping[str, Any]

# By file of `data/surveys/inspection`: a kind, and the record.
RIGHT: Mapping[str, tuple[str, Values]] = {
    "built": ("culture", {"year": 1990, "repaired": 2010, "survey_year": 2022}),
    "named": ("nuclear", {"name": "一号站"}),
    "water_works": ("water_works", {
        "reservoir_class": "中型", "capacity": 3e7, "dead_capacity": 1e6, "flood_capacity": 1e7, "dead_level": 90.0,
        "normal_level": 100.0, "design_level": 101.0, "check_level": 102.0, "crest_level": 104.0,
        "design_period": 50, "check_period": 1000, "dam_height": 45.0, "dam_length": 300.0, "levee_length": 2.5,
    }),
    "roads": ("municipal_road", {
        "road_class": "主干路", "road_length": 3.2, "lanes": 6, "road_width": 22.0, "roadbed_width": 30.0,
        "design_speed": 60,
    }),
    "bridges": ("municipal_bridge", {
        "bridge_class": "大桥", "bridge_length": 200.0, "longest_span": 40.0, "spans": 5, "bridge_width": 20.0,
        "condition": 2,
    }),
    "schools": ("school", {
        "school_type": "小学", "students": 900, "classes": 20, "boarders": 100, "staff": 70, "teachers": 60,
        "area": 9000.0,
    }),
    "medical": ("medical", {
        "hospital_level": "二级甲等", "beds": 300, "icu_beds": 10, "staff": 400, "doctors": 100, "nurses": 200,
    }),
    "lodging": ("hotel", {"beds": 200, "residents": 150, "rooms": 100, "stars": 4, "visitors_most": 500}),
    "geological": ("debris_flow", {
        "volume": 2e5, "slope": 35.0, "top_level": 900.0, "toe_level": 700.0, "scale": "大型", "stability": "欠稳定",
        "threatened_people": 120, "threatened_households": 30, "threatened_value": 6e6, "danger_grade": "中型",
        "deaths": 0, "loss": 2e5, "damage_grade": "小型", "event_year": 2013,
    }),
    "landslides": ("landslide", {"scale": "中型", "volume": 2e5}),
    "floods": ("river_flood", {
        "depth": 2.0, "mark_level": 52.0, "ground_level": 50.0, "discharge": 9000.0, "return_period": 50,
        "warning_level": 48.0, "guaranteed_level": 49.5, "event_year": 1998,
    }),
    "fires": ("grassland_fire", {
        "event_year": 2015, "event_month": 4, "burned_area": 2000.0, "forest_area": 10.0, "grass_area": 1500.0,
        "fire_hours": 40.0, "fire_grade": "较大",
    }),
    "forest_fires": ("forest_fire", {"fire_grade": "较大火灾", "forest_area": 20.0, "deaths": 0, "injured": 0}),
    "grassland_fires": ("grassland_fire", {
        "fire_grade": "一般", "grass_area": 20.0, "deaths": 0, "injured": 1, "loss": 1e4,
    }),
    "earthquakes": ("active_fault", {
        "magnitude": 6.5, "focal_depth": 12.0, "intensity": 8, "event_year": 1976, "dip": 70.0, "slip_rate": 3.0,
        "fault_length": 40.0,
    }),
    "seas": ("sea_waves", {"wave_height": 6.0, "event_year": 2012}),
    "chemicals": ("hazardous_chemicals", {
        "hazard_level": "三级", "hazard_r": 20.0, "stored": 5000.0, "largest_tank": 1000.0, "tank_volume": 4000.0,
        "staff": 200,
    }),
    "mines": ("coal_mine", {"output": 1.2e6, "mine_depth": 600.0, "underground": 200, "staff": 900}),
    "relief": ("shelter", {
        "shelter_type": "固定避难场所", "shelter_people": 5000, "shelter_area": 10000.0, "site_area": 20000.0,
        "store_area": 500.0, "store_volume": 3000.0, "supply_value": 2e6, "tents": 400,
    }),
    "teams": ("fire_rescue", {"staff": 40, "full_time": 30, "vehicles": 8}),
    "people": ("township", {
        "population": 30000, "male": 15300, "female": 14700, "children": 5000, "aged": 4200, "households": 11000,
    }),
    "buildings": ("rural_dwelling", {"floors": 3, "area": 240.0, "year": 1998, "repaired": 2012}),
}  # fmt: skip

FAULTS: Mapping[str, Values] = {
    "built.year.future": {"year": 2027}, "built.year.survey": {"year": 2023},
    "built.survey.future": {"survey_year": 2050}, "built.repaired.future": {"repaired": 2050},
    "named.missing": {"name": "  "},
    "reservoir.class.codes": {"reservoir_class": "很大"}, "reservoir.class.capacity": {"capacity": 3e8},
    "reservoir.capacity.range": {"capacity": -1.0}, "reservoir.capacity.dead": {"dead_capacity": 4e7},
    "reservoir.capacity.flood": {"flood_capacity": 4e7}, "reservoir.level.dead": {"dead_level": 190.0},
    "reservoir.level.check": {"design_level": 103.0}, "reservoir.crest": {"crest_level": 101.5},
    "reservoir.period": {"check_period": 20}, "dam.height.range": {"dam_height": 4500.0},
    "dam.length.range": {"dam_length": 0.0}, "levee.length.range": {"levee_length": 25000.0},
    "dam.height.capacity": {"reservoir_class": "大(2)型", "capacity": 5e8, "dam_height": 3.0},
    "road.class.codes": {"road_class": "土路"}, "road.length.range": {"road_length": 0.0},
    "road.lanes.range": {"lanes": 40}, "road.width.range": {"road_width": 0.3},
    "road.speed.range": {"design_speed": 600}, "road.lanes.width": {"road_width": 9.0},
    "road.roadbed": {"roadbed_width": 12.0}, "road.expressway.lanes": {"road_class": "高速公路", "lanes": 2},
    "bridge.class.codes": {"bridge_class": "巨桥"}, "bridge.class.length": {"bridge_class": "中桥"},
    "bridge.length.range": {"bridge_length": 900000.0}, "bridge.span.range": {"longest_span": 0.1},
    "bridge.span.length": {"longest_span": 400.0}, "bridge.spans": {"spans": 2},
    "bridge.width.range": {"bridge_width": 900.0}, "bridge.condition.codes": {"condition": 6},
    "school.type.codes": {"school_type": "学堂"}, "school.students.range": {"students": -4},
    "school.students.classes": {"classes": 4}, "school.boarders": {"boarders": 1000},
    "school.teachers": {"teachers": 80}, "school.area": {"area": 90.0},
    "medical.level.codes": {"hospital_level": "五级"}, "medical.beds.range": {"beds": -1},
    "medical.level.beds": {"beds": 80}, "medical.icu": {"icu_beds": 301}, "medical.staff": {"nurses": 350},
    "lodging.beds.range": {"beds": -1}, "lodging.residents": {"residents": 201}, "lodging.rooms": {"rooms": 300},
    "lodging.stars.range": {"stars": 7}, "lodging.visitors.range": {"visitors_most": -5},
    "geological.volume.range": {"volume": 0.0}, "geological.slope.range": {"slope": 95.0},
    "geological.levels": {"toe_level": 950.0}, "geological.scale.codes": {"scale": "很大"},
    "geological.stability.codes": {"stability": "晃"}, "geological.threatened.range": {"threatened_people": -1},
    "geological.households": {"threatened_households": 130}, "geological.event.future": {"event_year": 2031},
    "geological.damage": {"deaths": 12}, "geological.danger": {"threatened_people": 800},
    "landslide.scale.volume": {"volume": 3e6},
    "flood.depth.range": {"depth": -0.5}, "flood.mark.ground": {"mark_level": 49.0},
    "flood.mark.depth": {"depth": 3.0}, "flood.discharge.range": {"discharge": 9e6},
    "flood.period.range": {"return_period": 0}, "flood.stages": {"guaranteed_level": 47.0},
    "flood.event.future": {"event_year": 2031},
    "fire.year.missing": {"event_year": None}, "fire.event.future": {"event_year": 2031},
    "fire.month.range": {"event_month": 13}, "fire.burned.range": {"burned_area": -2.0},
    "fire.forest.burned": {"forest_area": 2100.0}, "fire.grass.burned": {"grass_area": 2100.0},
    "fire.hours.range": {"fire_hours": -1.0}, "fire.grade.codes": {"fire_grade": "大"},
    "forest_fire.grade": {"forest_area": 500.0}, "grassland_fire.grade": {"deaths": 4},
    "quake.magnitude.range": {"magnitude": 65.0}, "quake.depth.range": {"focal_depth": 1200.0},
    "quake.intensity.range": {"intensity": 13}, "quake.intensity.magnitude": {"magnitude": 2.0},
    "quake.event.future": {"event_year": 2031}, "fault.dip.range": {"dip": 120.0},
    "fault.slip.range": {"slip_rate": -1.0}, "fault.length.range": {"fault_length": 0.0},
    "sea.wave.range": {"wave_height": 30.0}, "sea.event.future": {"event_year": 2031},
    "chemicals.level.codes": {"hazard_level": "九级"}, "chemicals.level.r": {"hazard_r": 150.0},
    "chemicals.r.range": {"hazard_r": -2.0}, "chemicals.stored.range": {"stored": -1.0},
    "chemicals.tanks": {"largest_tank": 9000.0}, "chemicals.staff.range": {"staff": -1},
    "mine.output.range": {"output": -1.0}, "mine.depth.range": {"mine_depth": 9000.0},
    "mine.underground": {"underground": 1000},
    "shelter.type.codes": {"shelter_type": "帐篷"}, "shelter.people.range": {"shelter_people": 0},
    "shelter.area.people": {"shelter_people": 90000}, "shelter.area.site": {"site_area": 9000.0},
    "depot.area.range": {"store_area": 0.0}, "depot.height": {"store_volume": 90000.0},
    "depot.value.range": {"supply_value": -1.0}, "depot.tents.range": {"tents": -1},
    "team.staff.range": {"staff": -1}, "team.full_time": {"full_time": 41}, "team.vehicles.range": {"vehicles": -1},
    "people.range": {"population": -1}, "people.sexes": {"male": 10000}, "people.ages": {"aged": 29000},
    "people.households": {"households": 31000},
    "building.floors.missing": {"floors": None}, "building.floors.range": {"floors": 0},
    "building.area.range": {"area": 0.0}, "building.year.range": {"year": 98},
    "building.area.floors": {"area": 9.0}, "building.repaired": {"repaired": 1990},
}  # fmt: skip
