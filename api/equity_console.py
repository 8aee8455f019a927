"""Who gains, as tables on the command line."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.console import MILLION


def judgement(out: Console, body: dict[str, Any]) -> None:
    """Print who gains: every figure with its interval, p-value and what other zonings say."""
    _heading(out, body)
    for metric in body["metrics"]:
        _metric(out, metric)
    if body.get("incidence"):
        _incidence(out, body["incidence"])
    if body["years"]:
        table = Table("Year", "total", "equity ratio", title="Bill saving over the years" if "areas" in body else "")
        for row in body["years"]:
            table.add_row(str(row["year"]), f"{row['total']:,.0f}", _figure(row["equity_ratio"]))
        out.print(table)
    _sentences(out, [s["en"] for s in body["sentences"]])
    _notes(out, body)


def orders(out: Console, body: dict[str, Any]) -> None:
    """Print a programme in different orders, and the price of serving low-income areas first."""
    _heading(out, body)
    table = Table("Order", "t CO2e to 2045", "equity ratio", "p", "by chance", "other zonings", title="Same programme")
    for row in body["orders"]:
        found = row["bill_saving"]
        ratio = found.get("equity_ratio")
        cells = (
            [found["missing"], "", "", ""]
            if ratio is None
            else [_figure(ratio), _p(ratio), f"{ratio['by_chance']:.2f}", ratio["stability"]]
        )
        table.add_row(row["order"], f"{row['t_co2e_saved_cumulative']:,.0f}", *cells)
    out.print(table)
    price = body["price"]
    out.print(
        f"Low income first instead of worst first gives up {price['t_co2e_given_up_cumulative']:,.0f} t CO2e "
        f"({price['share_given_up']:.1%}) and brings low-income areas "
        f"{price['bill_saving_eur_a_gained_in_low_income'] / MILLION:,.2f} M EUR/a more bill saving.",
        soft_wrap=True,
    )
    _sentences(out, [f"{r['order']}: {r['sentence']['en']}" for r in body["orders"] if r["sentence"]])
    _notes(out, body)


def siting(out: Console, body: dict[str, Any]) -> None:
    """Print what was chosen, and the front between tonnes and low income."""
    out.print(
        f"\n[bold]{escape(body['name'])}: {body['budget_eur'] / MILLION:,.1f} M EUR[/bold] (modelled, release "
        f"{body['release']}); {body['candidates']:,} candidates, {body['status'].replace('_', ' ')}, "
        f"gap {body['gap']:.2%}",
        soft_wrap=True,
    )
    table = Table("Zone", "measures", "M EUR", "t CO2e", "EUR/t", "low income", title="Chosen, cheapest tonnes first")
    for row in body["chosen"][:15]:
        table.add_row(
            row["zone"],
            ", ".join(row["measures"]),
            f"{row['cost_eur'] / MILLION:,.2f}",
            f"{row['t_co2e_saved_cumulative']:,.0f}",
            f"{row['eur_t']:,.0f}",
            f"{row['low_income_probability']:.0%}",
        )
    out.print(table)
    if len(body["chosen"]) > 15:
        out.print(f"and {len(body['chosen']) - 15:,} more (--json)")
    front = Table("t CO2e", "in low-income areas", "bill saving there, M EUR/a", "t given up per t won", title="Front")
    prices = ["", *(f"{p:.3f}" for p in body["front"]["price_of_equity_t_per_t"])]
    for point, price in zip(body["front"]["points"], prices, strict=True):
        front.add_row(
            f"{point['t_co2e_saved_cumulative']:,.0f}",
            f"{point['t_co2e_saved_cumulative_in_low_income']:,.0f}",
            f"{point['bill_saving_eur_a_in_low_income'] / MILLION:,.2f}",
            price,
        )
    out.print(front)
    _notes(out, body)


def _heading(out: Console, body: dict[str, Any]) -> None:
    indicator = body["indicator"]
    out.print(
        f"\n[bold]{escape(body['name'])}[/bold] (modelled, release {body['release']}), ranked by {indicator['en']}, "
        f"figures for {body['zoning']}, intervals of {body['interval']:.0%}",
        soft_wrap=True,
    )
    table = Table("Definition of low income", "areas", "people", "share", title="Side by side")
    for row in body["definitions"]:
        share = "" if row["population_share"] is None else f"{row['population_share']:.1%}"
        table.add_row(row["definition"], str(row["areas"]), f"{row['people']:,.0f}", share)
    out.print(table)


def _metric(out: Console, metric: dict[str, Any]) -> None:
    title = f"{metric['en']}, {metric['unit']}"
    if "missing" in metric:
        out.print(f"{title}: {metric['missing']}", soft_wrap=True)
        return
    table = Table("Zoning", "areas", "equity ratio", "p", "by chance", "concentration index", "p", title=title)
    indices = {row["zoning"]: row for row in metric["concentration_index"]["zonings"]}
    for row in metric["equity_ratio"]["zonings"]:
        other = indices[row["zoning"]]
        chance = f"{row['by_chance']:.2f}" if "by_chance" in row else ""
        cells = (str(row["areas"]), _figure(row), _p(row), chance, _figure(other, 3), _p(other))
        table.add_row(row["en"], *cells)
    out.print(table)


def _notes(out: Console, body: dict[str, Any]) -> None:
    for note in body.get("notes", []):
        out.print(f"· {note['en']}", soft_wrap=True, style="dim")


def _incidence(out: Console, incidence: dict[str, Any]) -> None:
    table = Table(
        "Who", "M EUR/a", "of it in low-income areas", "EUR/a per head there", title="Net gain in treated homes"
    )
    for row in incidence["payers"]:
        low = {name: value / MILLION for name, value in row["net_eur_a_in_low_income"].items()}
        each = row["net_eur_a_per_head_in_low_income"]
        table.add_row(row["payer"], f"{row['net_eur_a'] / MILLION:,.2f}", _figure(low), f"{each:,.1f}" if each else "")
    out.print(table)
    out.print(f"· {incidence['note']}", soft_wrap=True, style="dim")


def _sentences(out: Console, sentences: list[str]) -> None:
    for text in sentences:
        out.print(f"· {text}", soft_wrap=True)


def _figure(found: dict[str, Any], digits: int = 2) -> str:
    return f"{found['value']:.{digits}f} \\[{found['low']:.{digits}f}, {found['high']:.{digits}f}]"


def _p(found: dict[str, Any]) -> str:
    return f"{found['p']:.3f}" if "p" in found else ""
