"""Census grids: no building is lost or doubled, what is withheld is not zero, and editions are never mixed."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.census import CARRIERS, DWELLING_KINDS, HEATINGS, KINDS, TYPES, aggregate, band_shares, read
from data.report import Report
from data.schema import AGES
from geo.errors import InputError

TABLE = Path(__file__).parents[1] / "data" / "tables" / "cells_200m.parquet"

LONG = "Gitter_ID_100m;Gitter_ID_100m_neu;Merkmal;Auspraegung_Code;Auspraegung_Text;Anzahl;Anzahl_q"
BUILT = (
    "Insgesamt_Gebaeude;Vor1919;a1919bis1948;a1949bis1978;a1979bis1990;a1991bis2000;a2001bis2010;a2011bis2019;"
    "a2020undspaeter"
)
DECADES = (
    "Insgesamt_Gebaeude;Vor1919;a1919bis1949;a1950bis1959;a1960bis1969;a1970bis1979;a1980bis1989;a1990bis1999;"
    "a2000bis2009;a2010bis2015;a2016undspaeter"
)
HEAT = "Insgesamt_Heizungsart;Fernheizung;Etagenheizung;Blockheizung;Zentralheizung;Einzel_Mehrraumoefen;keine_Heizung"
CARRIER = "Insgesamt_Energietraeger;" + ";".join(CARRIERS)
TYPE = (
    "Insgesamt_Gebaeude;FreiEFH;EFH_DHH;EFH_Reihenhaus;Freist_ZFH;ZFH_DHH;ZFH_Reihenhaus;MFH_3bis6Wohnungen;"
    "MFH_7bis12Wohnungen;MFH_13undmehrWohnungen;AndererGebaeudetyp"
)
NAMES = {
    BUILT: "Zensus2022_Gebaeude_nach_Baujahr_in_MZ_Klassen_100m-Gitter.csv",
    DECADES: "Zensus2022_Gebaeude_nach_Baujahr_Jahrzehnte_100m-Gitter.csv",
    HEAT: "Zensus2022_Gebaeude_nach_ueberwiegender_Heizungsart_100m-Gitter.csv",
    CARRIER: "Zensus2022_Energietraeger_100m-Gitter.csv",
    TYPE: "Zensus2022_Geb_Gebaeudetyp_Groesse_100m-Gitter.csv",
    "Einwohner": "Zensus2022_Bevoelkerungszahl_100m-Gitter.csv",
}


def wide(folder: Path, columns: str, *rows: str, name: str = "", encoding: str = "utf-8") -> Path:
    """Write a file of 2022; a row is "north east figures"."""
    lines = [f"GITTER_ID_100m;x_mp_100m;y_mp_100m;{columns}"]
    for row in rows:
        north, east, figures = row.split(" ", 2)
        lines.append(f"CRS3035RES100mN{north}E{east};{int(east) + 50};{int(north) + 50};{figures}")
    path = folder / (name or NAMES[columns])
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode(encoding))
    return path


def long(folder: Path, *rows: str, name: str = "Gebaeude100m.csv", delimiter: str = ";") -> Path:
    """Write a file of 2011; a row is "north east attribute code count"."""
    lines = [LONG]
    for row in rows:
        north, east, attribute, code, count = row.split()
        short = f"100mN{north[:-2]}E{east[:-2]}"
        lines.append(f"{short};CRS3035RES100mN{north}E{east};{attribute};{code};Büro;{count};0")
    path = folder / name
    path.write_bytes("\n".join(lines).replace(";", delimiter).encode("cp1252"))
    return path


def lines(report: Report) -> dict[str, int]:
    return {line.what: line.count for line in report.lines if line.done != "missing"}


def test_2011_by_hand(tmp_path: Path) -> None:
    """12 buildings, of which 5 + 4 have a known age and 3 a known heating; the rest is withheld, not gone."""
    path = long(
        tmp_path,
        "3130000 4084000 INSGESAMT 0 12",
        "3130000 4084000 BAUJAHR_MZ 1 5",
        "3130000 4084000 BAUJAHR_MZ 10 4",
        "3130000 4084000 HEIZTYP 4 3",
        "3130000 4084000 GEBTYPGROESSE 1 12",
        "3130000 4084000 EIGENTUM 2 12",
    )
    report = Report()
    (cell,) = read([path], report=report).to_dict("records")
    assert (cell["x_m"], cell["y_m"], cell["cell_m"], cell["n_buildings"]) == (4084000, 3130000, 100, 12)
    assert (cell["age_until_1918"], cell["age_2009_later"], cell["age_1949_1978"], cell["age_unknown"]) == (5, 4, 0, 3)
    assert (cell["heating_central"], cell["heating_unknown"]) == (3, 9)
    assert (cell["type_sfh_detached"], cell["type_unknown"]) == (12, 0)
    assert np.isnan(cell["people"])
    assert np.isnan(cell["dwellings"])
    assert lines(report) == {"rows of attributes that are not used": 1}
    assert report.counted == {"Gebaeude100m.csv": (6, 5)}


def test_2011_dwellings_are_not_taken_for_buildings(tmp_path: Path) -> None:
    """Both files have the same header and attributes; only dwellings have owners that live in them."""
    path = long(
        tmp_path,
        "3130000 4084000 INSGESAMT 0 40",
        "3130000 4084000 HEIZTYP 1 30",
        "3130000 4084000 BAUJAHR_MZ 3 40",
        "3130000 4084000 WOHNEIGENTUM 99 40",
        name="tabelle.csv",
        delimiter=",",
    )
    (cell,) = read([path], report=Report()).to_dict("records")
    assert np.isnan(cell["n_buildings"])
    assert np.isnan(cell["age_1949_1978"])
    assert (cell["dwellings"], cell["dwellings_heating_district"], cell["dwellings_heating_unknown"]) == (40, 30, 10)


def test_2011_people_minus_one_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "Zensus_Bevoelkerung_100m-Gitter.csv"
    path.write_text(
        "Gitter_ID_100m;x_mp_100m;y_mp_100m;Einwohner\n100mN26840E43341;4334150;2684050;-1\n"
        "100mN26840E43342;4334250;2684050;17\n"
    )
    report = Report()
    cells = read([path], report=report)
    assert cells["x_m"].tolist() == [4334100, 4334200]
    assert cells["people"].isna().tolist() == [True, False]
    assert cells["people"][1] == 17
    assert lines(report)["withheld counts, taken as missing"] == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_2022_by_hand(tmp_path: Path, encoding: str) -> None:
    """The dash is UTF-8 in most published files and Windows-1252 in some."""
    paths = [
        wide(tmp_path, BUILT, "3130000 4084000 20;4;–;6;3;–;5;–;–", encoding=encoding),
        wide(tmp_path, HEAT, "3130000 4084000 19;7;–;–;10;–;–", encoding=encoding),
        wide(tmp_path, TYPE, "3130000 4084000 20;11;–;–;–;–;–;9;–;–;–", encoding=encoding),
        wide(tmp_path, CARRIER, "3130000 4084000 50;30;–;–;–;–;–;–;20;–", encoding=encoding),
        wide(tmp_path, "Einwohner", "3130000 4084000 83", "3130100 4084000 –", encoding=encoding),
    ]
    cells = read(paths, report=Report(), edition="2022")
    cell = cells.iloc[0]
    assert cell["n_buildings"] == 20
    # 3 of 1979-1990 over twelve years: 8 to 1979-1986, 4 to 1987-1990; 5 of 2001-2010: 4, 4 and 2 of ten years
    expected = {"until_1918": 4, "1949_1978": 6, "1979_1986": 2, "1987_1990": 1}
    expected |= {"2001_2004": 2, "2005_2008": 2, "2009_later": 1, "unknown": 2, "1919_1948": 0}
    assert {age: cell[f"age_{age}"] for age in expected} == pytest.approx(expected)
    assert (cell["heating_district"], cell["heating_central"], cell["heating_unknown"]) == (7, 10, 3)
    assert (cell["type_sfh_detached"], cell["type_mfh_3_6"], cell["type_unknown"]) == (11, 9, 0)
    assert (cell["dwellings"], cell["dwellings_carrier_natural_gas"]) == (50, 30)
    assert np.isnan(cell["carrier_natural_gas"])
    assert cell["people"] == 83
    assert cells.iloc[1][["people", "n_buildings", "age_unknown"]].isna().all()


def test_bands_by_decade_split_at_the_years_between_them(tmp_path: Path) -> None:
    path = wide(tmp_path, DECADES, "3130000 4084000 370;10;31;10;10;100;100;100;9;0;0")
    cell = read([path], report=Report()).iloc[0]
    found = [cell[f"age_{age}"] for age in AGES]
    expected = [10, 30, 1 + 10 + 10 + 90, 10 + 70, 30 + 10, 50, 40 + 0.9, 3.6, 3.6, 0.9]
    assert found == pytest.approx(expected)
    assert cell["age_unknown"] == pytest.approx(0, abs=1e-9)


def test_bands_split_by_what_was_built_in_each_year() -> None:
    """Three times as many a year from 1987: 8 x 1 against 4 x 3."""
    weights = {year: 1.0 if year < 1987 else 3.0 for year in range(1979, 1991)}
    assert band_shares(1979, 1990, weights) == pytest.approx({"1979_1986": 0.4, "1987_1990": 0.6})
    with pytest.raises(InputError, match="no usable weight for 1979"):
        band_shares(1979, 1990, {})
    with pytest.raises(InputError, match="open band from 2005"):
        band_shares(2005, 9999)


@given(st.integers(1900, 2020), st.integers(0, 60))
def test_shares_of_any_band_add_up_to_one(first: int, length: int) -> None:
    shares = band_shares(first, first + length)
    assert sum(shares.values()) == pytest.approx(1)
    assert min(shares.values()) > 0


COUNT = st.one_of(st.just("–"), st.integers(0, 40).map(str))


@settings(max_examples=12, deadline=None)  # each example writes and reads two files of many cells
@given(st.lists(st.tuples(*[COUNT] * 9), min_size=1, max_size=30))
def test_kinds_and_their_unknown_always_add_up(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]]
) -> None:
    """2022 blurs every figure by itself, so parts may exceed totals; the sum of a kind must still be the total."""
    folder = tmp_path_factory.mktemp("census")
    ages = [f"3130000 {4084000 + 100 * i} {';'.join(row)}" for i, row in enumerate(rows)]
    heat = [f"3130000 {4084000 + 100 * i} {';'.join(row[2:])}" for i, row in enumerate(rows)]
    cells = read([wide(folder, BUILT, *ages), wide(folder, HEAT, *heat)], report=Report())
    known = cells[cells["n_buildings"].notna()]
    for kind in KINDS:
        parts = known.filter(regex=f"^{kind}_")
        np.testing.assert_allclose(parts.sum(axis=1), known["n_buildings"], atol=1e-9)
        assert not (parts < 0).to_numpy().any()
    for row, n in zip(rows, cells["n_buildings"], strict=True):
        figures = [[int(one) for one in part if one != "–"] for part in (row[:1], row[1:], row[2:3], row[3:])]
        largest = max((sum(part) for part in figures if part), default=np.nan)
        assert n == pytest.approx(largest, nan_ok=True)
    large = aggregate(cells, 200)
    for name in ("n_buildings", "age_unknown", "age_1979_1986", "heating_district"):
        assert large[name].sum() == pytest.approx(cells[name].sum())


def test_every_wrong_row_is_counted(tmp_path: Path) -> None:
    path = wide(
        tmp_path,
        "Einwohner",
        "3130000 4084000 5",
        "3130000 4084000 5",
        "3130000 4084100 5",
        "3130000 4084100 6",
        "3130000 4084200 -3",
        "3130000 4084300 2,5",
        "3130000 4084400 viele",
        "3130050 4084400 5",
        "3130000 4999900 5",
        "3130000 4084500 7",
        "3130000 4084600 8;9",
    )
    text = path.read_text() + "CRS3035RES100mNxE1;1;1;4\nCRS3035RES100mN3130000E4084700;1;1;4\n"
    path.write_text(text)
    report = Report()
    cells = read([path], report=report, bounds=(4084000, 3130000, 4090000, 3131000))
    assert dict(zip(cells["x_m"], cells["people"], strict=True)) == pytest.approx(
        {4084000: 5, 4084200: np.nan, 4084300: np.nan, 4084400: np.nan, 4084500: 7}, nan_ok=True
    )
    assert lines(report) == {
        "rows of the wrong length": 1,
        "rows without a readable grid id": 1,
        "rows off the grid": 1,
        "rows outside the bounds": 1,
        "rows whose centre contradicts their grid id": 1,
        "repeated rows": 1,
        "rows of cells that are given twice with different figures": 2,
        "counts that are no whole number, taken as missing": 2,
        "negative counts, taken as missing": 1,
    }
    assert report.counted == {path.name: (13, 5)}


def test_cells_that_overlap_the_bounds_are_kept(tmp_path: Path) -> None:
    path = wide(tmp_path, "Einwohner", *(f"3130000 {4084000 + 100 * i} {i}" for i in range(5)))
    cells = read([path], report=Report(), bounds=(4084150, 3130050, 4084300, 3130060))
    assert cells["people"].tolist() == [1, 2]
    with pytest.raises(InputError, match="hold no cell"):
        read([path], report=Report(), bounds=(390000, 5700000, 400000, 5710000))


def test_a_total_below_its_parts_is_raised_and_reported(tmp_path: Path) -> None:
    report = Report()
    path = wide(tmp_path, BUILT, "3130000 4084000 8;4;–;6;–;–;–;–;–")
    assert read([path], report=report)["n_buildings"].tolist() == [10]
    assert lines(report)["cells whose kinds add up to more than their total, which is raised to that"] == 1


def test_categories_that_no_file_has_are_missing_and_said_so(tmp_path: Path) -> None:
    report = Report()
    cells = read([wide(tmp_path, HEAT, "3130000 4084000 9;9;–;–;–;–;–")], report=report)
    assert cells[[f"age_{age}" for age in AGES]].isna().all(axis=None)
    assert cells["age_unknown"].tolist() == [9]
    (line,) = [line for line in report.lines if line.done == "missing"]
    assert "age_until_1918" in line.what
    assert "heating_district" not in line.what


def test_editions_are_never_mixed_or_guessed(tmp_path: Path) -> None:
    new = wide(tmp_path, "Einwohner", "3130000 4084000 5")
    old = long(tmp_path, "3130000 4084000 HEIZTYP 1 3")
    with pytest.raises(InputError, match="is of 2022, not of 2011 as stated"):
        read([new], report=Report(), edition="2011")
    with pytest.raises(InputError, match="is of 2011, not of 2022 as stated"):
        read([old], report=Report(), edition="2022")
    with pytest.raises(InputError, match="files of two editions"):
        read([new, old], report=Report())
    with pytest.raises(InputError, match="'2021' is not a census"):
        read([new], report=Report(), edition="2021")
    text = new.read_text()
    new.write_text(text.replace("GITTER_ID", "Gitter_ID"))
    with pytest.raises(InputError, match="header of one census and grid ids or columns of the other"):
        read([new], report=Report())
    new.write_text("Gitter_ID_100m;Insgesamt_Gebaeude;Vor1919\n100mN31300E40840;3;3\n")
    with pytest.raises(InputError, match="header of one census"):
        read([new], report=Report())


def test_codes_that_2011_does_not_have_are_refused(tmp_path: Path) -> None:
    path = long(tmp_path, "3130000 4084000 BAUJAHR_MZ 11 3", "3130000 4084000 HEIZTYP 7 3")
    with pytest.raises(InputError, match=r"does not have: BAUJAHR_MZ 11, HEIZTYP 7"):
        read([path], report=Report())
    people = long(tmp_path, "3130000 4084000 INSGESAMT 0 30", "3130000 4084000 GESCHLECHT 1 14")
    with pytest.raises(InputError, match="neither buildings nor dwellings, but GESCHLECHT, INSGESAMT"):
        read([people], report=Report())


def test_what_a_header_does_not_say_is_taken_from_the_published_name_only(tmp_path: Path) -> None:
    row = "3130000 4084000 9;9;–;–;–;–;–"
    homes = read([wide(tmp_path, HEAT, row, name="Zensus2022_Heizungsart_100m-Gitter.csv")], report=Report())
    assert homes["dwellings_heating_district"].tolist() == [9]
    assert homes["n_buildings"].isna().all()
    with pytest.raises(InputError, match="buildings or dwellings"):
        read([wide(tmp_path, HEAT, row, name="heizung.csv")], report=Report())


def test_files_of_one_name_and_files_without_a_cell_here_are_told_apart(tmp_path: Path) -> None:
    paths = []
    for folder, row in (("a", "3130000 4084000 HEIZTYP 1 3"), ("b", "3200000 4084000 BAUJAHR_MZ 1 3")):
        (tmp_path / folder).mkdir()
        paths.append(long(tmp_path / folder, row, "3130000 4084000 EIGENTUM 1 3"))
    report = Report()
    cells = read(paths, report=report, bounds=(4084000, 3130000, 4085000, 3131000))
    assert cells["n_buildings"].tolist() == [3]
    assert cells["age_until_1918"].tolist() == [0]
    assert list(report.counted.values()) == [(2, 1), (2, 0)]


def test_two_files_for_one_theme_are_refused(tmp_path: Path) -> None:
    paths = [
        wide(tmp_path, BUILT, "3130000 4084000 8;8;–;–;–;–;–;–;–"),
        wide(tmp_path, DECADES, "3130000 4084000 8;8;–;–;–;–;–;–;–;–;–"),
    ]
    with pytest.raises(InputError, match="gives age_until_1918, which"):
        read(paths, report=Report())


def test_archives_are_read_without_unpacking(tmp_path: Path) -> None:
    small = wide(tmp_path, "Einwohner", "3130000 4084000 5")
    path = tmp_path / "Zensus2022_Bevoelkerungszahl.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(small, f"folder/{small.name}")
        archive.writestr("folder/Zensus2022_Bevoelkerungszahl_1km-Gitter.csv", "x")
        archive.writestr("folder/beschreibung.xlsx", "x")
    assert read([path], report=Report())["people"].tolist() == [5]
    with pytest.raises(InputError, match="holds 2 tables of 10km"):
        read([path], report=Report(), cell_m=10_000)


def test_cells_of_another_size_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "Zensus2022_Bevoelkerungszahl_1km-Gitter.csv"
    path.write_text("GITTER_ID_1km;x_mp_1km;y_mp_1km;Einwohner\nCRS3035RES1000mN3130000E4084000;4084500;3130500;900\n")
    with pytest.raises(InputError, match="cells of 1000 m, not of 100 m"):
        read([path], report=Report())
    cells = read([path], report=Report(), cell_m=1000)
    assert cells[["x_m", "y_m", "cell_m", "people"]].to_numpy().tolist() == [[4084000, 3130000, 1000, 900]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no column of grid ids"),
        (b"a;b\n1;2\n", "no column of grid ids, but a, b"),
        (b"GITTER_ID_100m;Einwohner\n", "cannot be read|hold no cell"),
        (b"GITTER_ID_100m;Durchschnittsalter\nCRS3035RES100mN3130000E4084000;40\n", "no figure that is used"),
        (b"Gitter_ID_100m;Merkmal;Anzahl\n100mN31300E40840;HEIZTYP;3\n", "has no column Auspraegung_Code"),
    ],
)
def test_files_of_another_kind_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read([path], report=Report())


def test_arguments_are_checked(tmp_path: Path) -> None:
    path = wide(tmp_path, "Einwohner", "3130000 4084000 5")
    with pytest.raises(InputError, match=r"(?s)'?250 is not an edge.*is not a box"):
        read([path], report=Report(), cell_m=250, bounds=(1, 1, 0, 0))
    with pytest.raises(InputError, match="no file is given"):
        read([], report=Report())
    with pytest.raises(InputError, match="is not a file"):
        read([tmp_path / "none.csv"], report=Report())
    with pytest.raises(InputError, match="150 m is not a multiple of 100 m"):
        aggregate(read([path], report=Report()), 150)


def test_larger_cells_by_hand(tmp_path: Path) -> None:
    """Three of the four quarters are there, one of them withheld: the sum is a lower bound, and says so."""
    path = wide(
        tmp_path, "Einwohner", "3130000 4084000 5", "3130000 4084100 –", "3130100 4084100 7", "3130200 4084200 –"
    )
    large = aggregate(read([path], report=Report()))
    assert large[["x_m", "y_m", "cell_m"]].to_numpy().tolist() == [[4084000, 3130000, 200], [4084200, 3130200, 200]]
    assert large["people"].tolist() == pytest.approx([12, np.nan], nan_ok=True)
    assert large["people_missing"].tolist() == [1, 1]


def test_columns_are_the_same_whatever_was_given(tmp_path: Path) -> None:
    cells = read([wide(tmp_path, "Einwohner", "3130000 4084000 5")], report=Report())
    kinds = {**KINDS, **DWELLING_KINDS}
    names = [f"{kind}_{name}" for kind, values in kinds.items() for name in (*values, "unknown")]
    assert {*cells} == {*names, "x_m", "y_m", "cell_m", "n_buildings", "dwellings", "people"}
    assert len(TYPES) == 10
    assert len(HEATINGS) == 6


def test_the_ruhr_of_2011_is_the_built_in_table(shared_data: Path) -> None:
    """The committed table was first made by other code, from the same file: every figure must still agree."""
    report = Report()
    path = shared_data / "ruhr-zensus2011" / "zensus2011_100m_ruhr.parquet"
    with pytest.raises(InputError, match="is of 2011, not of 2022"):
        read([path], report=Report(), edition="2022")
    cells = read([path], report=report, edition="2011")
    assert report.counted == {path.name: (98_684, 98_684)}
    large = aggregate(cells)
    large = large[large["n_buildings"] > 0].set_index(["ags", "x_m", "y_m"]).sort_index()
    built_in = pd.read_parquet(TABLE).set_index(["ags", "x_m", "y_m"]).sort_index()
    assert large.index.equals(built_in.index)
    for name in built_in:
        assert (large[name] == built_in[name]).all(), name
    assert large["type_sfh_detached"].isna().all()


def test_people_of_the_ruhr_on_the_larger_grid(shared_data: Path) -> None:
    cells = read([shared_data / "ruhr-zensus2011" / "zensus2011_1km_ruhr.parquet"], report=Report(), cell_m=1000)
    assert cells["people"].sum() == 5_065_486
    with pytest.raises(InputError, match="no cell of 100 m on the grid"):
        read([shared_data / "ruhr-zensus2011" / "zensus2011_1km_ruhr.parquet"], report=Report())
