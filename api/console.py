"""Findings as tables on the command line."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

MILLION = 1e6


def impact(out: Console, body: dict[str, Any]) -> None:
    """Print what placements do: years, placements, who gains, who pays."""
    totals = body["totals"]
    names = ", ".join(dict.fromkeys(p["name"] or p["name_en"] for p in body["placements"]))
    heading = f"\n[bold]{escape(body['name'])}: {escape(names)}[/bold] (modelled, release {body['release']})"
    out.print(heading, soft_wrap=True)
    years = Table("Year", "without t/a", "with t/a", "saved t/a", "invest M EUR", "bill saving M EUR/a")
    for row in body["years"]:
        tonnes = (row["t_co2e_without"], row["t_co2e_with"], row["t_co2e_saved"])
        money = (row["invest_eur"] / MILLION, row["bill_saving_eur"] / MILLION)
        years.add_row(str(row["year"]), *(f"{v:,.0f}" for v in tonnes), *(f"{v:,.1f}" for v in money))
    years.title = f"All sectors, external path {body['path']}"
    out.print(years)
    _placements(out, body)
    out.print(
        f"Investment {totals['invest_eur'] / MILLION:,.1f} M EUR (prices of {totals['price_year']}); "
        f"{totals['t_co2e_saved_cumulative']:,.0f} t CO2e until {body['years'][-1]['year']}.",
        soft_wrap=True,
    )
    if "money" in body:
        _money(out, body)
    if "trajectory" in body:
        _trajectory(out, body["trajectory"])
    _equity(out, body)
    for note in body["notes"]:
        out.print(f"· {note['en']}", soft_wrap=True, style="dim")


def _placements(out: Console, body: dict[str, Any]) -> None:
    shares = {a["placement"]: a["t_co2e_saved_cumulative"] for a in body.get("attribution", [])}
    table = Table("Measure", "treated", "of eligible", "invest M EUR", "t CO2e, fair share", title="Placements")
    for i, one in enumerate(body["placements"]):
        fair = f"{shares[i]:,.0f}" if i in shares else ""
        amount = f"{one['quantity']:,.0f} {one['unit_en']}"
        table.add_row(one["measure"], amount, f"{one['uptake']:.0%}", f"{one['invest_eur'] / MILLION:,.1f}", fair)
    out.print(table)


def _money(out: Console, body: dict[str, Any]) -> None:
    table = Table(
        "Who", "invests", "gets granted", "runs", "saves", "receives", "pays in the end", title="M EUR to 2045"
    )
    for row in body["money"]["payers"]:
        names = ("invest_eur", "grant_eur", "opex_eur", "saving_eur", "transfer_eur", "net_eur")
        if any(abs(row[n]) > 0 for n in names):
            table.add_row(row["payer"], *(f"{row[n] / MILLION:,.1f}" for n in names))
    out.print(table)
    curve = body["money"]["abatement_curve"]
    if curve:
        steps = Table("Measure", "EUR/t CO2e", "t/a", title="Abatement cost after interaction, society's view")
        for step in curve["steps"]:
            steps.add_row(step["measure"], f"{step['eur_t']:,.0f}", f"{step['to_t_a'] - step['from_t_a']:,.0f}")
        out.print(steps)
        if curve["note"]:
            out.print(f"Costs below zero are {curve['note']}.", soft_wrap=True)
    for rent in body["rents"]:
        treated = [a for a in rent["areas"] if a["rented_m2"] and a["change_1_eur_m2"] is not None]
        weight = sum(a["rented_m2"] for a in treated)
        if weight:
            first, tenth = (sum(a["rented_m2"] * a[f"change_{y}_eur_m2"] for a in treated) / weight for y in (1, 10))
            told = f"warm rent {first:+.2f} EUR/m² a month in the first year, {tenth:+.2f} in the tenth."
            out.print(f"{rent['measure']}: {told}", soft_wrap=True)


def _trajectory(out: Console, found: dict[str, Any]) -> None:
    target, last = found["targets"]["linear"], found["years"][-1]
    change, budget = found["change"], found["budget"]
    parts = [f"{name.replace('_', ' ')} {values[-1]:,.0f} t" for name, values in change.items()]
    above = f"{target['gap_t'][-1]:,.0f} t above the straight line to zero in {target['zero_year']}"
    lines = (
        f"Emissions in {last}: {found['t_co2e'][-1]:,.0f} t, {above}.",
        f"Change since {found['base']['year']}: {', '.join(parts)}.",
        f"Carbon budget by population used up in {budget['used_up_year'] or 'no year'}.",
    )
    for line in lines:
        out.print(line, soft_wrap=True)


def _equity(out: Console, body: dict[str, Any]) -> None:
    equity = body["equity"]
    if not body["quintiles"] or equity is None:
        out.print(body["equity_missing"], soft_wrap=True)
        return
    table = Table("Fifth of residents", "people", "investment", "bill saving", "EUR per head", "t CO2e (place)")
    for q in body["quintiles"]:
        shares = (q["invest_share"], q["bill_saving_share"])
        table.add_row(
            f"{q['quintile']} {q['label_en']}",
            f"{q['people']:,.0f}",
            *("" if s is None else f"{s:.1%}" for s in shares),
            f"{q['bill_saving_eur_per_head']:,.1f}",
            "" if q["t_co2e_saved_share"] is None else f"{q['t_co2e_saved_share']:.1%}",
        )
    table.title = f"Who gains, by {equity['ranked_by']}"
    out.print(table)
    out.print(
        f"Equity ratio {equity['equity_ratio']:.2f} (above 1 favours low-income areas); concentration index "
        f"{equity['concentration_index']:+.3f} ± {equity['concentration_index_se']:.3f} "
        f"over {equity['n_areas']} areas.",
        soft_wrap=True,
    )


def comparison(out: Console, body: dict[str, Any]) -> None:
    """Print two scenarios side by side."""
    one, other = body["scenarios"]
    table = Table("", escape(one["name"]), escape(other["name"]), "difference", title=f"{body['place']}: two scenarios")
    for i, row in enumerate(body["years"]):
        if row["year"] % 5 == 0:
            pair = (one["t_co2e"][i], other["t_co2e"][i], row["t_co2e_difference"])
            table.add_row(f"t CO2e in {row['year']}", *(f"{v:,.0f}" for v in pair))
    for name, title, scale in (
        ("t_co2e_cumulative", "t CO2e, sum of all years", 1.0),
        ("invest_eur", "investment, M EUR", MILLION),
        ("bill_saving_eur_last_year", "bill saving in the last year, M EUR", MILLION),
    ):
        pair = (one[name] / scale, other[name] / scale, (one[name] - other[name]) / scale)
        table.add_row(title, *(f"{v:,.0f}" for v in pair))
    last = body["years"][-1]
    for name in ("municipal_measures", "external_path", "activity"):
        table.add_row(f"of the difference in {last['year']}: {name}", "", "", f"{last[f'{name}_difference']:,.0f}")
    out.print(table)
