// Words of the page in German and English. Every key exists in both (a test compares them).
export const WORDS = {
  en: {
    skip: "Skip to the figures", place: "Place", show: "Show", level: "Level",
    level_cells: "Census cells (200 m), buildings", level_areas: "Districts and municipalities",
    view_emissions: "Household emissions per head",
    view_need: "Emissions and low income together",
    view_measure: "Where the measure lands",
    measure: "Measure: envelope retrofit of buildings until 1918",
    measure_hint: "Usual refurbishment of what is still in its original state, 2025 to 2045.",
    uptake: "Uptake by 2045:", who: "Whom it benefits", years: "Household emissions by year", areas: "By area",
    sure: "How sure this is", sources: "Sources", all_sources: "All sources and licences", gis: "Layers for GIS tools",
    saved_2045: "saved in 2045", saved_total: "saved 2025–2045", invest: "investment", bill: "bill saving in 2045",
    per_year: "t CO2e/a", tonnes: "t CO2e", prices: "M EUR (prices of {year})", bill_unit: "M EUR/a for {share} of the energy saved",
    fifth: "Fifth of residents, by social burden of their area", even: "equal share, 20 %",
    share_axis: "Share of the bill savings", quintile: "Fifth", people: "people", per_head: "EUR per head and year",
    bill_share: "bill savings", invest_share: "investment", tonnes_share: "tonnes (place of action)",
    table: "Figures as a table",
    verdict: "Residents of the most burdened areas are 20 % of all and get {share} of the bill savings: equity ratio {ratio}. Concentration index {index} ± {se} ({n} areas).",
    verdict_unclear: "That is no clear tilt: the index lies within two standard errors of zero.",
    verdict_poor: "The programme leans towards burdened areas.", verdict_rich: "The programme leans towards less burdened areas.",
    few_areas: "Fewer than five areas with a social index here: nothing can be said about who gains inside this place. Choose the region or Dortmund.",
    without: "without the measure", with: "with the measure", area: "Area", index: "social index", treated: "treated m²",
    saved: "saved t/a 2045", modelled: "Modelled, census of 2011",
    modelled_own: "Modelled from the buildings of the place, without a census", modelled_none: "No buildings and no census brought",
    approximate: "District boundaries are approximate",
    national: "No balance of their own: {n} of {all}. National figures per head, grade D",
    legend_emissions: "Household emissions, t CO2e per head and year",
    legend_need: "Low income × emissions", legend_measure: "Saved in 2045, t CO2e per km² and year",
    need_x: "emissions per head →", need_y: "social burden →", low: "low", high: "high", nodata: "no data",
    social_note: "Social index: school social index 1–9 of the area, 9 = highest burden (child poverty and related data around the schools).",
    zoom_in: "Zoom in to see census cells.", households: "households", buildings: "residential buildings",
    all_sectors: "all sectors", per_head_unit: "t per head", old_share: "built until 1918", district: "District", municipality: "Municipality", cell: "Census cell",
    loading: "Computing …", ready: "Figures for {name} are up to date.", failed: "The figures could not be loaded:",
    no_stock: "Nothing is known of the buildings here, so no measure can be placed. Bring them with a place.toml.",
    zoom_buildings: "Zoom in further to see single buildings.", building: "Building", building_drawn: "Modelled footprint, not a real building",
    drawn: "{n} modelled footprints (grade D): drawn from census counts, only their sums are real", use: "Use", storeys: "Storeys", grade: "Data grade",
    use_residential: "housing", use_office: "office", use_school: "school", use_kita: "day care", use_hospital: "hospital", use_retail: "shop", use_hotel: "hotel", use_sports_hall: "sports hall", use_pool: "pool", use_workshop: "workshop", use_industry: "industry",
    use_warehouse: "warehouse", use_church: "church", use_other: "other use", use_unheated: "unheated", use_unknown: "unknown",
    map_label: "Map of {name}. The table “By area” holds the same figures.", loaded_none: "unknown", bill_head: "bill saving per head",
  },
  de: {
    skip: "Zu den Zahlen springen", place: "Ort", show: "Anzeigen", level: "Ebene",
    level_cells: "Zensuszellen (200 m), Gebäude", level_areas: "Bezirke und Gemeinden",
    view_emissions: "Emissionen der Haushalte pro Kopf",
    view_need: "Emissionen und niedriges Einkommen zusammen",
    view_measure: "Wo die Maßnahme wirkt",
    measure: "Maßnahme: Hüllsanierung der Gebäude bis 1918",
    measure_hint: "Übliche Sanierung dessen, was noch im Ausgangszustand ist, 2025 bis 2045.",
    uptake: "Umsetzung bis 2045:", who: "Wem es nützt", years: "Emissionen der Haushalte nach Jahr", areas: "Nach Gebiet",
    sure: "Wie sicher das ist", sources: "Quellen", all_sources: "Alle Quellen und Lizenzen", gis: "Layer für GIS",
    saved_2045: "Einsparung 2045", saved_total: "Einsparung 2025–2045", invest: "Investition", bill: "Ersparnis 2045",
    per_year: "t CO2e/a", tonnes: "t CO2e", prices: "Mio. EUR (Preise von {year})", bill_unit: "Mio. EUR/a für {share} der Energie",
    fifth: "Fünftel der Bevölkerung nach sozialer Belastung ihres Gebiets", even: "gleicher Anteil, 20 %",
    share_axis: "Anteil an der Ersparnis", quintile: "Fünftel", people: "Einwohner:innen", per_head: "EUR pro Kopf und Jahr",
    bill_share: "Ersparnis", invest_share: "Investition", tonnes_share: "Tonnen (Ort der Wirkung)",
    table: "Zahlen als Tabelle",
    verdict: "In den am stärksten belasteten Gebieten leben 20 % aller und erhalten {share} der Ersparnis: Gerechtigkeitsquotient {ratio}. Konzentrationsindex {index} ± {se} ({n} Gebiete).",
    verdict_unclear: "Das ist keine klare Neigung: Der Index liegt innerhalb von zwei Standardfehlern um null.",
    verdict_poor: "Das Programm neigt zu belasteten Gebieten.", verdict_rich: "Das Programm neigt zu weniger belasteten Gebieten.",
    few_areas: "Weniger als fünf Gebiete mit Sozialindex: Wem es innerhalb dieses Ortes nützt, lässt sich nicht sagen. Bitte die Region oder Dortmund wählen.",
    without: "ohne Maßnahme", with: "mit Maßnahme", area: "Gebiet", index: "Sozialindex", treated: "sanierte m²",
    saved: "Einsparung t/a 2045", modelled: "Modelliert, Zensus 2011",
    modelled_own: "Modelliert aus den Gebäuden des Ortes, ohne Zensus", modelled_none: "Weder Gebäude noch Zensus vorhanden",
    approximate: "Bezirksgrenzen sind nur angenähert",
    national: "Ohne eigene Bilanz: {n} von {all}. Bundeswerte pro Kopf, Güte D",
    legend_emissions: "Emissionen der Haushalte, t CO2e pro Kopf und Jahr",
    legend_need: "Niedriges Einkommen × Emissionen", legend_measure: "Einsparung 2045, t CO2e je km² und Jahr",
    need_x: "Emissionen pro Kopf →", need_y: "soziale Belastung →", low: "niedrig", high: "hoch", nodata: "keine Daten",
    social_note: "Sozialindex: Schulsozialindex 1–9 des Gebiets, 9 = höchste Belastung (Kinderarmut und verwandte Daten im Umfeld der Schulen).",
    zoom_in: "Für Zensuszellen näher heranzoomen.", households: "Haushalte", buildings: "Wohngebäude",
    all_sectors: "alle Sektoren", per_head_unit: "t pro Kopf", old_share: "bis 1918 gebaut", district: "Bezirk", municipality: "Gemeinde", cell: "Zensuszelle",
    loading: "Rechnet …", ready: "Die Zahlen für {name} sind aktuell.", failed: "Die Zahlen konnten nicht geladen werden:",
    no_stock: "Über die Gebäude hier ist nichts bekannt, also lässt sich keine Maßnahme verorten. Sie kommen mit einer place.toml.",
    zoom_buildings: "Für einzelne Gebäude weiter heranzoomen.", building: "Gebäude", building_drawn: "Modellierter Umriss, kein echtes Gebäude",
    drawn: "{n} modellierte Umrisse (Güte D): aus Zensuszahlen gezeichnet, nur ihre Summen sind echt", use: "Nutzung", storeys: "Geschosse", grade: "Datengüte",
    use_residential: "Wohnen", use_office: "Büro", use_school: "Schule", use_kita: "Kita", use_hospital: "Krankenhaus", use_retail: "Handel", use_hotel: "Hotel", use_sports_hall: "Sporthalle", use_pool: "Bad", use_workshop: "Werkstatt", use_industry: "Industrie",
    use_warehouse: "Lager", use_church: "Kirche", use_other: "andere Nutzung", use_unheated: "unbeheizt", use_unknown: "unbekannt",
    map_label: "Karte von {name}. Die Tabelle „Nach Gebiet“ enthält dieselben Zahlen.", loaded_none: "unbekannt", bill_head: "Ersparnis pro Kopf",
  },
};

let language = "de";
export const setLanguage = (value) => { language = value; };
export const getLanguage = () => language;

export function t(key, values = {}) {
  const text = WORDS[language][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

export function number(value, digits = 0) {
  if (value === null || value === undefined || Number.isNaN(value)) return t("loaded_none");
  return new Intl.NumberFormat(language, { maximumFractionDigits: digits, minimumFractionDigits: digits }).format(value);
}

export function percent(value, digits = 0) {
  return new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: digits, minimumFractionDigits: digits }).format(value);
}
