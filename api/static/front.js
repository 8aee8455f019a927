// The front between tonnes in all and tonnes in low-income areas; a point is picked by click or arrow keys.
import { number, t } from "/static/i18n.js";
import { element, svg } from "/static/markup.js";

const WIDTH = 380, HEIGHT = 210, LEFT = 52, RIGHT = 14, TOP = 20, BOTTOM = HEIGHT - 42;
const kilo = (value, span) => number(value / 1000, span >= 8000 ? 0 : span >= 800 ? 1 : 2);

// Ends that leave room around the points; the axes show what differs, they do not begin at zero.
function scale(values, from, to) {
  const low = Math.min(...values), span = Math.max(...values) - low || Math.abs(low) * 0.01 || 1;
  const at = (value) => from + (to - from) * (value - low + 0.08 * span) / (1.16 * span);
  return { at, span, ticks: [0, 1 / 3, 2 / 3, 1].map((part) => low + part * span) };
}

export const pointWords = (point) => t("point", { all: number(point.t_co2e_saved_cumulative), low: number(point.t_co2e_saved_cumulative_in_low_income) });

// `chosen` is the position of the point that is marked, `pick` is called with another one.
export function frontChart(points, chosen, pick) {
  const low = points.map((p) => p.t_co2e_saved_cumulative_in_low_income), all = points.map((p) => p.t_co2e_saved_cumulative);
  const x = scale(low, LEFT, WIDTH - RIGHT), y = scale(all, BOTTOM, TOP);
  const chart = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart front", role: "radiogroup", "aria-label": t("front_label") });
  const say = (anchor, where, words) => svg("text", { ...where, "text-anchor": anchor, "aria-hidden": "true" }, words);
  for (const value of y.ticks) chart.append(svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y.at(value), y2: y.at(value), class: "grid" }), say("end", { x: LEFT - 6, y: y.at(value) + 4 }, kilo(value, y.span)));
  for (const value of x.ticks) chart.append(say("middle", { x: x.at(value), y: BOTTOM + 16 }, kilo(value, x.span)));
  chart.append(svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: BOTTOM, y2: BOTTOM, class: "axis" }),
    say("start", { x: 0, y: 12 }, t("front_y")), say("end", { x: WIDTH - RIGHT, y: HEIGHT - 8 }, t("front_x")),
    svg("path", { class: "front-line", d: points.map((_, i) => `${i ? "L" : "M"}${x.at(low[i])} ${y.at(all[i])}`).join("") }));
  points.forEach((point, i) => {
    const here = i === chosen, at = { cx: x.at(low[i]), cy: y.at(all[i]) };
    const node = svg("g", { role: "radio", tabindex: here ? 0 : -1, "aria-checked": String(here), "aria-label": `${i + 1}/${points.length}: ${pointWords(point)}`, class: here ? "point chosen" : "point", "data-point": i },
      svg("circle", { ...at, r: 14, class: "reach" }), svg("circle", { ...at, r: here ? 7 : 5, class: "mark-point" }));
    node.addEventListener("click", () => pick(i));
    node.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      pick((i + step + points.length) % points.length);
    });
    chart.append(node);
  });
  return element("figure", {}, chart, element("figcaption", { class: "hint" }, t("front_hint")));
}
