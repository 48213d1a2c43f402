// @ts-check
/** A line chart of recent readings. */
import { setText } from "./element.js";
import { count } from "./formats.js";
import { t } from "./language.js";

const SVG = "http://www.w3.org/2000/svg";
const READINGS = 60;
const [WIDTH, HEIGHT, EDGE] = [160, 40, 3];

export class Sparkline {
  /** @param {() => string} name what is counted */
  constructor(name) {
    /** @type {number[]} */
    this.readings = [];
    this.node = document.createElementNS(SVG, "svg");
    this.node.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    this.node.setAttribute("preserveAspectRatio", "none");
    this.node.setAttribute("role", "img");
    this.node.classList.add("spark");
    this.area = this.node.appendChild(document.createElementNS(SVG, "path"));
    this.area.classList.add("spark-area");
    this.line = this.node.appendChild(document.createElementNS(SVG, "path"));
    this.line.classList.add("spark-line");
    setText(this.node, () => this.label(name()), "aria-label");
  }

  /** @param {number} value */
  add(value) {
    this.readings.push(value);
    if (this.readings.length > READINGS) this.readings.shift();
    const most = Math.max(1, ...this.readings);
    const step = WIDTH / (READINGS - 1);
    const start = WIDTH - (this.readings.length - 1) * step;
    const points = this.readings.map((reading, at) => {
      const y = HEIGHT - EDGE - (reading / most) * (HEIGHT - 2 * EDGE);
      return `${(start + at * step).toFixed(1)} ${y.toFixed(1)}`;
    });
    const line = `M${points.length > 1 ? points.join("L") : `${start - step} ${points[0].split(" ")[1]}L${points[0]}`}`;
    this.line.setAttribute("d", line);
    this.area.setAttribute("d", `${line}L${WIDTH} ${HEIGHT}L${line.slice(1).split(" ")[0]} ${HEIGHT}Z`);
  }

  /** Update the label after a reading. @param {() => string} name */
  describe(name) {
    setText(this.node, () => this.label(name()), "aria-label");
  }

  /** @param {string} name */
  label(name) {
    const first = count(this.readings[0] ?? 0);
    const last = count(this.readings.at(-1) ?? 0);
    return t("trend", { name, count: this.readings.length, first, last });
  }
}
