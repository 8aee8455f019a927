// Charts of who gains; each figure is drawn with its interval, and stands in a table beneath.
import { getLanguage, number, percent, t } from "/static/i18n.js";
import { element, svg } from "/static/markup.js";

const WIDTH = 380;

// a figure with its interval, a share with its own
export const range = (figure, digits = 2) => `${number(figure.value, digits)} [${number(figure.low, digits)} ${t("to")} ${number(figure.high, digits)}]`;
export const shares = (figure) => `${percent(figure.value, 1)} [${percent(figure.low, 1)} ${t("to")} ${percent(figure.high, 1)}]`;
export const chanceOf = (p) => (p === undefined ? "" : p < 0.001 ? `p\u00a0<\u00a0${number(0.001, 3)}` : `p\u00a0=\u00a0${number(p, p < 0.1 ? 3 : 2)}`);
export const nameOf = (zoning) => zoning[getLanguage()];

const chart = (height, label) => svg("svg", { viewBox: `0 0 ${WIDTH} ${height}`, class: "chart", role: "img", "aria-label": label });
const text = (x, y, words, more = {}) => svg("text", { x, y, ...more }, words);
const line = (x1, y1, x2, y2, name) => svg("line", { x1, y1, x2, y2, class: name });

function key(mark, words) {
  return element("span", { class: "key" }, svg("svg", { viewBox: "0 0 26 14", width: 26, height: 14, "aria-hidden": "true" }, ...mark), words);
}

// Above, below and unclear differ in shape, not only in place and colour.
function dot(x, y, verdict) {
  if (verdict === "above") return svg("path", { d: `M${x - 6} ${y + 5}h12l-6 -11z`, class: "dot" });
  if (verdict === "below") return svg("path", { d: `M${x - 6} ${y - 5}h12l-6 11z`, class: "dot" });
  return svg("circle", { cx: x, cy: y, r: 5, class: "dot open" });
}

// The same ratio at every zoning on one axis, with the line of equal shares and the mark of chance.
export function ratioChart(ratio) {
  const rows = ratio.zonings, step = 42, height = rows.length * step + 26, left = 8, right = WIDTH - 8;
  const ends = rows.flatMap((r) => [r.low, r.high, r.value, r.by_chance_low ?? 1, r.by_chance_high ?? 1, 1]);
  const pad = 0.06 * (Math.max(...ends) - Math.min(...ends)) || 0.1;
  const low = Math.min(...ends) - pad, high = Math.max(...ends) + pad;
  const x = (value) => left + (right - left) * (value - low) / (high - low);
  const said = rows.map((r) => `${nameOf(r)}: ${range(r)}, ${t(`ratio_${r.verdict}`)}`).join(". ");
  const found = chart(height, `${t("ratio")}. ${said}`), base = height - 22;
  const size = [0.05, 0.1, 0.2, 0.25, 0.5, 1, 2, 5].find((s) => (high - low) / s <= 7) ?? 10;
  for (let value = Math.ceil(low / size) * size; value <= high; value += size) {
    found.append(line(x(value), 18, x(value), base, "grid"), text(x(value), height - 6, number(value, size < 0.1 || size === 0.25 ? 2 : size < 1 ? 1 : 0), { "text-anchor": "middle" }));
  }
  found.append(line(left, base, right, base, "axis"), line(x(1), 4, x(1), base, "even"));
  rows.forEach((r, i) => {
    const y = i * step + 30, words = [range(r), chanceOf(r.p), t(`ratio_${r.verdict}`)].filter(Boolean).join(" · ");
    found.append(text(left, y - 14, nameOf(r), { class: "haloed strong" }), text(right, y - 14, words, { "text-anchor": "end", class: "haloed" }));
    if (r.by_chance !== undefined) found.append(...chance(x(r.by_chance_low), x(r.by_chance), x(r.by_chance_high), y));
    found.append(line(x(r.low), y, x(r.high), y, "interval"), line(x(r.low), y - 4, x(r.low), y + 4, "interval"), line(x(r.high), y - 4, x(r.high), y + 4, "interval"), dot(x(r.value), y, r.verdict));
  });
  const keys = [key([line(0, 7, 26, 7, "interval"), dot(13, 7, "unclear")], t("key_interval")), key([line(13, 0, 13, 14, "even")], t("key_even"))];
  if (rows.some((r) => r.by_chance !== undefined)) keys.push(key(chance(8, 13, 18, 7), t("key_chance")));
  return element("figure", {}, found, element("figcaption", { class: "keys" }, ...keys));
}

const chance = (low, at, high, y) => [
  svg("rect", { x: low, y: y - 8, width: Math.max(high - low, 0), height: 16, class: "chance-band" }),
  line(at, y - 9, at, y + 9, "chance"),
];

// Shares of the fifths of residents, with intervals.
export function fifthsChart(quintiles, caption) {
  const height = 190, left = 42, bottom = 150, top = 18, step = (WIDTH - left) / 5;
  const highest = Math.max(0.3, ...quintiles.map((q) => q.share.high)) * 1.05;
  const y = (share) => bottom - (bottom - top) * share / highest, x = (i) => left + i * step + step * 0.17;
  const found = chart(height, `${caption}. ` + quintiles.map((q) => `${t("quintile")} ${q.quintile}: ${shares(q.share)}`).join(", "));
  for (let share = 0; share <= highest; share += 0.1) found.append(text(left - 6, y(share) + 4, percent(share), { "text-anchor": "end" }));
  quintiles.forEach(({ share }, i) => {
    const middle = x(i) + step * 0.33;
    found.append(svg("rect", { x: x(i), y: y(share.value), width: step * 0.66, height: bottom - y(share.value), class: i === 0 ? "bar-first" : "bar-gain" }),
      ...[share.low, share.high].map((v) => line(middle - 5, y(v), middle + 5, y(v), "whisker")),
      line(middle, y(share.low), middle, y(share.high), "whisker"),
      text(middle, y(Math.max(share.high, share.value)) - 5, percent(share.value, 1), { "text-anchor": "middle", class: "haloed" }),
      text(middle, bottom + 17, String(i + 1), { "text-anchor": "middle" }));
  });
  found.append(line(left, y(0.2), WIDTH, y(0.2), "even"), line(left, bottom, WIDTH, bottom, "axis"),
    text(left, bottom + 34, t("burden_high")), text(WIDTH, bottom + 34, t("burden_low"), { "text-anchor": "end" }));
  return element("figure", {}, found, element("figcaption", { class: "keys" },
    key([line(0, 7, 26, 7, "even")], t("even")), key([line(13, 0, 13, 14, "whisker"), line(8, 1, 18, 1, "whisker"), line(8, 13, 18, 13, "whisker")], t("key_interval"))));
}

// The share that the poorest part of the residents gets: above the diagonal it is more than their part.
export function curveChart({ people, amount, dominance }) {
  const height = 250, left = 44, right = WIDTH - 90, top = 10, bottom = 206;
  const x = (share) => left + (right - left) * share, y = (share) => bottom - (bottom - top) * share;
  const found = chart(height, `${t("curve")}. ${t(`curve_${dominance}`)}`);
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    found.append(line(left, y(share), right, y(share), "grid"), line(x(share), top, x(share), bottom, "grid"),
      text(left - 6, y(share) + 4, percent(share), { "text-anchor": "end" }), text(x(share), bottom + 16, percent(share), { "text-anchor": "middle" }));
  }
  const path = people.map((p, i) => `${i ? "L" : "M"}${x(p).toFixed(1)} ${y(amount[i]).toFixed(1)}`).join("");
  found.append(line(x(0), y(0), x(1), y(1), "even"), svg("path", { d: path, class: "line-with" }),
    text(x(0.5), bottom + 36, t("curve_people"), { "text-anchor": "middle" }));
  return element("figure", {}, found, element("figcaption", { class: "keys" },
    key([line(0, 7, 26, 7, "line-with")], t("curve_amount")), key([line(0, 7, 26, 7, "even")], t("curve_even"))));
}
