// @ts-check
/** The input level, drawn as bars that move away from the record button on both sides. */

const PITCH = 5; // CSS pixels between bars
const BAR = 2.5;
const BUTTON = 78; // half the width of the button, with its margin
const QUIET = 0.015;

export class Ripples {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    /** Newest first. @type {{ level: number, loud: boolean }[]} */
    this.levels = [];
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  /** Add the current level. @param {import("../client/capture.js").Level} level */
  add({ peak, isClipping }) {
    this.levels.unshift({ level: peak, loud: isClipping });
    this.levels.length = Math.min(this.levels.length, 240);
    this.draw();
  }

  clear() {
    this.levels = [];
    this.draw();
  }

  draw() {
    const { canvas } = this;
    const { clientWidth: width, clientHeight: height } = canvas;
    const pen = canvas.getContext("2d");
    if (!pen || !width) return;
    const scale = devicePixelRatio || 1;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    pen.scale(scale, scale);
    const style = getComputedStyle(canvas);
    const [normal, alarm] = [style.color, style.getPropertyValue("--vermilion")];
    const bars = Math.ceil((width / 2 - BUTTON) / PITCH);
    for (let bar = 0; bar < bars; bar += 1) {
      // With reduced motion the bars stand still and share one height, which follows the level.
      const { level, loud } = this.levels[this.still.matches ? 0 : bar] ?? { level: 0, loud: false };
      const tall = Math.max(QUIET, Math.min(1, level)) * (height - 16);
      pen.globalAlpha = (1 - bar / bars) ** 0.7 * (level > QUIET ? 1 : 0.4);
      pen.fillStyle = loud ? alarm : normal;
      for (const side of [-1, 1]) {
        const x = width / 2 + side * (BUTTON + bar * PITCH) - BAR / 2;
        pen.beginPath();
        pen.roundRect(x, (height - tall) / 2, BAR, Math.max(BAR, tall), BAR / 2);
        pen.fill();
      }
    }
  }
}
