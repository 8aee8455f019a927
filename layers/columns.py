"""Columns of the published layers: name, unit, titles in German and English, how sure, from which one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One attribute of a layer.

    Parameters
    ----------
    name
        As in the file, the API and the tiles; ends in its unit where it has one.
    unit
        For people: ``"t CO2e/a"``; empty for names and keys.
    en, de
        Titles.
    how
        ``"published"``, ``"derived"`` (computed from published figures) or ``"modelled"``.
    in_tiles
        Whether vector tiles carry it.
    """

    name: str
    unit: str
    en: str
    de: str
    how: str = "published"
    in_tiles: bool = True


ID = Column("unit_id", "", "Building, or census cell (INSPIRE)", "Gebäude oder Zensuszelle (INSPIRE)", in_tiles=False)
AGS = Column("ags", "", "Municipal key (AGS)", "Amtlicher Gemeindeschlüssel")
NAME = Column("name", "", "Name", "Name")
SECTOR_COLUMNS = (
    Column("t_co2e_households", "t CO2e/a", "Emissions of households", "Emissionen der Haushalte", "modelled"),
    Column("t_co2e_economy", "t CO2e/a", "Emissions of the economy", "Emissionen der Wirtschaft", "modelled"),
    Column("t_co2e_transport", "t CO2e/a", "Emissions of transport", "Emissionen des Verkehrs", "modelled"),
    Column("t_co2e_municipal", "t CO2e/a", "Emissions of the municipality", "Emissionen der Kommune", "modelled"),
    Column("t_co2e", "t CO2e/a", "Emissions, all sectors", "Emissionen, alle Sektoren", "modelled"),
)
HOUSING = (
    Column("n_buildings", "", "Residential buildings", "Wohngebäude", "derived"),
    Column("dwellings", "", "Dwellings", "Wohnungen", "modelled"),
    Column("people", "", "People", "Einwohner:innen", "modelled"),
    Column("living_area_m2", "m²", "Living area", "Wohnfläche", "modelled"),
)
PER_HEAD = Column(
    "t_co2e_households_per_head",
    "t CO2e per head and year",
    "Household emissions per head",
    "Emissionen der Haushalte pro Kopf",
    "modelled",
)
SOCIAL = (
    Column(
        "social_index",
        "1-9",
        "School social index, 9 = highest burden",
        "Schulsozialindex, 9 = höchste Belastung",
        "derived",
    ),
    Column(
        "low_income_share",
        "0-1",
        "Share of residents counted as living in low-income areas (fifth with the highest index of the place)",
        "Anteil in einkommensschwachen Gebieten (Fünftel mit dem höchsten Index des Ortes)",
        "derived",
    ),
)
GRADE = Column("data_grade", "A-D", "Data grade", "Datengüte", "derived")

_BAND = ("5 % quantile", "median", "95 % quantile"), ("5-%-Quantil", "Median", "95-%-Quantil")


def _bands(name: str, en: str, de: str) -> tuple[Column, ...]:
    """Declare the band of a figure."""
    return tuple(
        Column(f"{name}_{q}", "t CO2e/a", f"{en}, {word_en}", f"{de}, {word_de}", "modelled", in_tiles=False)
        for q, word_en, word_de in zip(("p05", "p50", "p95"), *_BAND, strict=True)
    )


PLACED = Column(
    "t_co2e_placed",
    "t CO2e/a",
    "of which placed on buildings, streets, land",
    "davon auf Gebäuden, Straßen, Flächen verortet",
    "modelled",
)
CELLS = (
    ID,
    AGS,
    Column("area_id", "", "District, else municipality", "Bezirk, sonst Gemeinde"),
    *HOUSING,
    Column("share_until_1918", "0-1", "Share of buildings until 1918", "Anteil der Gebäude bis 1918", "modelled"),
    Column("heat_kwh_a", "kWh/a", "Final energy for heat", "Endenergie für Wärme", "modelled"),
    Column("heat_kwh_m2a", "kWh/m²a", "Heat per living area", "Wärme je Wohnfläche", "modelled"),
    Column("t_co2e_heat", "t CO2e/a", "Emissions of heating", "Emissionen der Wärme", "modelled"),
    Column("t_co2e_power", "t CO2e/a", "Emissions of household power", "Emissionen des Haushaltsstroms", "modelled"),
    SECTOR_COLUMNS[0],
    PER_HEAD,
    Column("floor_area_m2", "m²", "Floor area of other uses", "Nutzfläche anderer Nutzungen", "modelled"),
    Column(
        "t_co2e_other",
        "t CO2e/a",
        "Emissions of trade, industry, municipal buildings",
        "Emissionen von Gewerbe, Industrie, kommunalen Gebäuden",
        "modelled",
    ),
    *SOCIAL,
    GRADE,
)
STOCK = (
    *CELLS,
    Column("use", "", "Use (cell: residential buildings of a census cell)", "Nutzung (cell: Zensuszelle)", "derived"),
    Column("building_type", "", "Building type (TABULA)", "Gebäudetyp (TABULA)", "modelled"),
    Column("storeys", "", "Storeys", "Geschosse", "modelled"),
    *_bands("t_co2e_households", "Emissions of households", "Emissionen der Haushalte"),
)
AREA = Column("area_km2", "km²", "Area", "Fläche", "derived")
DISTRICTS = (
    AGS,
    Column("district", "", "District", "Bezirk"),
    NAME,
    Column("geometry_status", "", "Status of the boundary", "Stand der Grenze"),
    AREA,
    *HOUSING,
    *SECTOR_COLUMNS,
    PLACED,
    Column("t_co2e_spread", "t CO2e/a", "of which spread without a place", "davon ohne Ort verteilt", "modelled"),
    Column("t_co2e_motorways", "t CO2e/a", "of which motorways", "davon Autobahnen", "modelled"),
    Column("t_co2_ets", "t CO2/a", "EU ETS sites, beside the balance", "EU-ETS-Anlagen, neben der Bilanz"),
    *_bands("t_co2e", "Emissions, all sectors", "Emissionen, alle Sektoren"),
    PER_HEAD,
    *SOCIAL,
    GRADE,
)
MUNICIPALITIES = (
    AGS,
    NAME,
    Column("kreis", "", "District (Kreis)", "Kreis"),
    Column("population", "", "Population 31.12.2021", "Bevölkerung 31.12.2021"),
    Column("area_km2", "km²", "Area", "Fläche"),
    Column("n_buildings", "", "Residential buildings", "Wohngebäude"),
    Column("dwellings", "", "Dwellings", "Wohnungen"),
    Column("living_area_m2", "m²", "Living area", "Wohnfläche"),
    Column(
        "share_dwellings_until_1918", "0-1", "Share of dwellings until 1918", "Anteil der Wohnungen bis 1918", "derived"
    ),
    Column("share_district_heating", "0-1", "Share of dwellings on district heat", "Anteil Fernwärme", "derived"),
    Column(
        "green_share", "0-1", "Share of forest, wood and farmland", "Anteil Wald, Gehölz, Landwirtschaft", "derived"
    ),
    Column("blue_share", "0-1", "Share of water", "Anteil Wasserfläche", "derived"),
    Column("forest_ha", "ha, 2021", "Forest", "Wald"),
    Column("wood_ha", "ha, 2021", "Wood", "Gehölz"),
    Column("agriculture_ha", "ha, 2021", "Farmland", "Landwirtschaft"),
    Column("water_ha", "ha, 2021", "Water", "Wasserfläche"),
    Column("pv_kw", "kW", "Photovoltaics installed", "Photovoltaik installiert"),
    *SECTOR_COLUMNS,
    PLACED,
    Column("t_co2e_per_head", "t CO2e per head and year", "Emissions per head", "Emissionen pro Kopf", "modelled"),
    PER_HEAD,
    Column("t_co2_ets", "t CO2/a", "EU ETS sites, beside the balance", "EU-ETS-Anlagen, neben der Bilanz"),
    Column("inventory_year", "", "Year of the balance", "Bilanzjahr"),
    Column("inventory_edition", "", "Edition of the balance", "Ausgabe der Bilanz"),
    *SOCIAL,
    GRADE,
)
OSM = (
    Column("osm_id", "", "OpenStreetMap element", "OpenStreetMap-Objekt"),
    Column("kind", "", "Kind", "Art"),
    NAME,
    Column("public", "", "Open to the public", "Öffentlich zugänglich", "derived"),
    Column("area_m2", "m²", "Area", "Fläche", "derived"),
)
IMPACT_YEARS = (2030, 2035, 2040, 2045)
_DONE = (
    Column("treated_m2", "m²", "Living area retrofitted by the end", "Bis Ende sanierte Wohnfläche", "modelled"),
    Column("invest_eur", "EUR, prices of 2024", "Investment by the end", "Investition bis Ende", "modelled"),
    Column("bill_saving_eur_a", "EUR/a", "Bill saving in the last year", "Ersparnis im letzten Jahr", "modelled"),
    *(
        Column(f"t_co2e_saved_{year}", "t CO2e/a", f"Saved in {year}", f"Einsparung {year}", "modelled")
        for year in IMPACT_YEARS
    ),
)
_HOMES = tuple((f"Household emissions in {year}", f"Emissionen der Haushalte {year}", year) for year in IMPACT_YEARS)
IMPACT = (
    *_DONE,
    *(Column(f"t_co2e_{year}", "t CO2e/a", en, de, "modelled") for en, de, year in _HOMES),
)
IMPACT_AREAS = (
    *_DONE,
    *(
        Column(
            f"t_co2e_{year}",
            "t CO2e/a",
            f"Emissions, all sectors, {year}",
            f"Emissionen, alle Sektoren, {year}",
            "modelled",
        )
        for year in IMPACT_YEARS
    ),
    *(Column(f"t_co2e_households_{year}", "t CO2e/a", en, de, "modelled") for en, de, year in _HOMES),
)
