"""Columns of the layers of who lives where, who gains, and what surrounds people."""

from __future__ import annotations

from layers.columns import AGS, ID, NAME, SOCIAL, Column

_AREA = Column("area_id", "", "District, else municipality", "Bezirk, sonst Gemeinde")
_PEOPLE = Column("people", "", "People", "Einwohner:innen", "modelled")
_INDEX = Column(
    "social_index",
    "1-9",
    "School social index of the surroundings, 9 = highest burden; its mean by people is the district's",
    "Schulsozialindex der Umgebung, 9 = höchste Belastung; im Mittel der des Bezirks",
    "modelled",
)
_PROBABILITY = Column(
    "low_income_probability",
    "0-1",
    "Probability that a resident counts as living in a low-income area (fifth with the highest index)",
    "Wahrscheinlichkeit, als in einem einkommensschwachen Gebiet lebend zu zählen (Fünftel mit dem höchsten Index)",
    "modelled",
)
WHO = (ID, AGS, _AREA, _PEOPLE)
LOW_INCOME = (
    *WHO,
    _INDEX,
    _PROBABILITY,
    Column("uncertain", "0/1", "Cannot be told for sure", "Nicht sicher zu sagen", "modelled"),
    Column("low_quintile", "0-1", "Low income: fifth with the highest index", "Fünftel mit höchstem Index", "modelled"),
    Column(
        "low_relative_rate",
        "0-1",
        "Low income: at least 1.25 times the mean of the place",
        "Mindestens das 1,25-Fache des Mittels des Ortes",
        "modelled",
    ),
    Column("low_official", "0-1", "In the city's own areas", "In den Gebieten der Stadt", "published"),
    Column(
        "low_robust", "0-1", "By at least two definitions", "Nach mindestens zwei Definitionen", "modelled"
    ),
)  # fmt: skip
BENEFITS = (
    *WHO,
    _INDEX,
    _PROBABILITY,
    Column("treated_m2", "m²", "Living area retrofitted by the end", "Bis Ende sanierte Wohnfläche", "modelled"),
    Column("invest_eur", "EUR, prices of 2024", "Investment by the end", "Investition bis Ende", "modelled"),
    Column("invest_eur_per_head", "EUR per head", "Investment per head", "Investition pro Kopf", "modelled"),
    Column("bill_saving_eur_a", "EUR/a", "Bill saving in the last year", "Ersparnis im letzten Jahr", "modelled"),
    Column("bill_saving_eur_a_per_head", "EUR/a per head", "Bill saving per head", "Ersparnis pro Kopf", "modelled"),
    Column("t_co2e_saved_2045", "t CO2e/a", "Saved in 2045 (where, not for whom)", "Einsparung 2045", "modelled"),
    Column(
        "need_benefit_cluster",
        "",
        "Need (first letter) and bill saving around it (second), where significant: H high, L low",
        "Bedarf (erster Buchstabe) und Ersparnis ringsum (zweiter), wo signifikant: H hoch, L niedrig",
        "modelled",
    ),
    Column("cluster_q", "0-1", "False discovery rate of the cluster", "Falschfundrate des Clusters", "modelled"),
)


def typed(name: str, en: str, de: str) -> tuple[Column, ...]:
    """Columns of need against one supply."""
    return (
        Column(
            f"{name}_type",
            "",
            f"Need (first letter) and {en} (second): HL = high need, low supply",
            f"Bedarf (erster Buchstabe) und {de} (zweiter): HL = hoher Bedarf, wenig Versorgung",
            "modelled",
        ),
        Column(f"{name}_gap", "-1..1", f"Rank of need less rank of {en}", f"Rang Bedarf minus {de}", "modelled"),
        Column(f"{name}_priority", "", f"Priority by {en}, 1 = first", f"Priorität nach {de}, 1 = zuerst", "modelled"),
    )


PRIORITY = (*WHO, _INDEX, _PROBABILITY, *typed("cool", "cool nights", "kühle Nächte"))
PRIORITY_GREEN = typed("green", "public green within reach", "erreichbares öffentliches Grün")
PRIORITY_BENEFIT = (*WHO, _INDEX, _PROBABILITY, *typed("benefit", "bill saving per head", "Ersparnis pro Kopf"))

CELL = (
    Column("cell_id", "", "Cell of 200 m (INSPIRE)", "Zelle von 200 m (INSPIRE)", in_tiles=False),
    AGS,
    _PEOPLE,
)
HEAT = (
    *CELL,
    Column(
        "building_intensity", "0-1", "Floor area, as a share of full density", "Geschossfläche, Anteil", "modelled"
    ),
    Column(
        "night_anomaly_k",
        "K",
        "Air warmer than the countryside, hot night (InVEST)",
        "Luft wärmer als im Umland, heiße Nacht (InVEST)",
        "modelled",
    ),
    Column(
        "day_anomaly_k",
        "K",
        "Air warmer than the countryside, hot day (InVEST; needs land cover)",
        "Luft wärmer als im Umland, heißer Tag (InVEST; braucht Landbedeckung)",
        "modelled",
    ),
    Column("exposed", "0/1", "Among the warmest fifth of the place by night", "Im wärmsten Fünftel", "modelled"),
    Column("sealed_share", "0-1", "Sealed", "Versiegelt", "derived"),
    Column("canopy_share", "0-1", "Tree crowns", "Baumkronen", "derived"),
)  # fmt: skip
ACCESS = (
    *CELL,
    Column("green_share", "0-1", "Green", "Grün", "derived"),
    Column("public_green_share", "0-1", "Public green", "Öffentliches Grün", "derived"),
    Column("canopy_share", "0-1", "Tree crowns", "Baumkronen", "derived"),
    Column("ndvi_mean", "", "NDVI", "NDVI", "derived"),
    Column("sealed_share", "0-1", "Sealed", "Versiegelt", "derived"),
    Column("blue_share", "0-1", "Water", "Wasser", "derived"),
    Column("distance_green_m", "m", "To public green of 1 ha, straight", "Zu Grün ab 1 ha, Luftlinie", "derived"),
    Column("walk_green_m", "m", "To public green of 1 ha, on foot", "Zu Grün ab 1 ha, zu Fuß", "derived"),
    Column("access_300_1ha", "0/1", "Green of 1 ha within 300 m", "Grün ab 1 ha in 300 m", "derived"),
    Column("distance_water_m", "m", "To water", "Zum Wasser", "derived"),
    Column(
        "green_m2_per_head", "m²", "Public green within reach, per head (2SFCA)", "Grün pro Kopf (2SFCA)", "modelled"
    ),
    Column("r3", "0-1", "Buildings with 3 trees within 25 m", "Gebäude mit 3 Bäumen in 25 m", "derived"),
    Column("r30", "0/1", "Canopy of 30 %", "Kronendach von 30 %", "derived"),
    Column("r300", "0/1", "Green within 300 m", "Grün in 300 m", "derived"),
    Column("score330300", "0-1", "Mean of the three", "Mittel der drei", "derived"),
    Column("runoff_share_50mm", "0-1", "Runs off of 50 mm of rain", "Abfluss von 50 mm Regen", "modelled"),
    Column("retention_m3_50mm", "m³", "Held back of 50 mm of rain", "Rückhalt von 50 mm Regen", "modelled"),
)
_HA = "ha, 2021"
GREEN_TOTALS = (
    AGS,
    NAME,
    Column("population", "", "Population 31.12.2021", "Bevölkerung 31.12.2021"),
    Column("green_share", "0-1", "Forest, wood, farmland", "Wald, Gehölz, Landwirtschaft", "derived"),
    Column("forest_ha", _HA, "Forest", "Wald"),
    Column("wood_ha", _HA, "Wood", "Gehölz"),
    Column("agriculture_ha", _HA, "Farmland", "Landwirtschaft"),
    Column("forest_m2_per_head", "m²", "Forest and wood per head", "Wald und Gehölz pro Kopf", "derived"),
    SOCIAL[0],
)
BLUE_TOTALS = (
    AGS,
    NAME,
    Column("population", "", "Population 31.12.2021", "Bevölkerung 31.12.2021"),
    Column("blue_share", "0-1", "Water", "Wasserfläche", "derived"),
    Column("water_ha", _HA, "Water", "Wasserfläche"),
    Column("water_m2_per_head", "m²", "Water per head", "Wasser pro Kopf", "derived"),
    SOCIAL[0],
)
