"use strict";
// The motion of a clip over its frames, and the marks on it: annotated, spotted, and the user's own.
class Curve {
  static names = ["onset", "apex", "offset"];
  static letters = { onset: "O", apex: "A", offset: "E" };
  static top = 24;
  static bottom = 20;
  static side = 14;

  // `told` hears of {seek: position}, {move: name, to: position, done: bool}.
  constructor(svg, told) {
    Object.assign(this, { svg, told });
    this.content = null;
    this.at = 0;
    this.dragged = null;
    svg.addEventListener("pointerdown", (event) => this.down(event));
    svg.addEventListener("pointermove", (event) => this.drag(event));
    svg.addEventListener("pointerup", (event) => this.up(event));
    svg.addEventListener("pointercancel", () => { this.dragged = null; });
    new ResizeObserver(() => this.draw()).observe(svg);
  }

  // content: {count, first, values, stated, spotted, yours, shown, events, chosen, label}
  show(content) {
    // What is being dragged stays where the hand is.
    this.content = content && this.dragged?.moved ? { ...content, shown: this.content.shown } : content;
    this.draw();
  }

  seek(at) {
    this.at = at;
    const cursor = this.svg.querySelector(".cursor");
    if (cursor) { const x = this.x(at); cursor.setAttribute("x1", x); cursor.setAttribute("x2", x); }
  }

  x(at) {
    const { from, to } = this.range();
    return Curve.side + (at - from) / Math.max(1, to - from) * (this.width - 2 * Curve.side);
  }

  frame(x) {
    const { from, to } = this.range();
    const at = from + (x - Curve.side) / (this.width - 2 * Curve.side) * (to - from);
    return Math.max(0, Math.min(this.content.count - 1, Math.round(at)));
  }

  range() { return this.content.range || { from: 0, to: this.content.count - 1 }; }

  draw() {
    const { svg, content } = this;
    this.width = svg.clientWidth || 600;
    this.height = svg.clientHeight || 150;
    svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    if (!content) { svg.replaceChildren(); return; }
    const floor = this.height - Curve.bottom;
    const parts = [look.drawn("line", { class: "axis", x1: 0, x2: this.width, y1: floor, y2: floor })];
    parts.push(...this.ticks(floor));
    for (const event of content.events || []) parts.push(this.event(event, floor));
    if (content.span) {
      const [a, b] = content.span.map((at) => this.x(at)).sort((p, q) => p - q);
      parts.push(look.drawn("rect", { class: "span", x: a, width: Math.max(1, b - a), y: Curve.top, height: floor - Curve.top }));
    }
    parts.push(...this.motion(floor));
    for (const [kind, marks] of [["stated", content.stated], ["spotted", content.spotted]])
      for (const name of Curve.names) if (marks?.[name] != null) parts.push(this.thin(kind, name, marks[name], floor));
    parts.push(look.drawn("line", { class: "cursor", x1: 0, x2: 0, y1: 4, y2: this.height - 4 }));
    for (const name of Curve.names) if (content.shown?.[name] != null) parts.push(this.flag(name, content.shown[name], floor));
    svg.replaceChildren(...parts);
    this.seek(this.at);
  }

  ticks(floor) {
    const { from, to } = this.range(), parts = [];
    const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 50000, 100000];
    const step = steps.find((one) => (to - from) / one * 62 < this.width) || 500000;
    const label = this.content.label || String;
    const offset = Number(label(0)) || 0;
    for (let number = Math.ceil((from + offset) / step) * step; number <= to + offset; number += step) {
      const text = look.drawn("text", { x: this.x(number - offset), y: floor + 14, "text-anchor": "middle" });
      text.textContent = label(number - offset);
      parts.push(text);
    }
    return parts;
  }

  motion(floor) {
    const { values, first } = this.content;
    this.largest = 0;
    if (!values?.length) {
      const text = look.drawn("text", { x: this.width / 2, y: this.height / 2, "text-anchor": "middle" });
      text.textContent = this.content.without || "no curve";
      return [text];
    }
    let largest = 1e-6, d = "", drawing = false;
    const { from, to } = this.range();
    for (let i = 0; i < values.length; i++)
      if (values[i] !== null && first + i >= from && first + i <= to) largest = Math.max(largest, values[i]);
    const thin = Math.max(1, Math.floor((to - from) / (2 * this.width)));
    for (let i = 0; i < values.length; i += thin) {
      const at = first + i;
      if (values[i] === null) { drawing = false; continue; }
      if (at < from - 1 || at > to + 1) continue;
      const y = floor - 2 - Math.max(0, values[i]) / largest * (floor - Curve.top - 6);
      d += `${drawing ? "L" : "M"}${this.x(at).toFixed(1)} ${y.toFixed(1)}`;
      drawing = true;
    }
    this.largest = largest;
    return [look.drawn("path", { class: "motion", d })];
  }

  thin(kind, name, at, floor) {
    const x = this.x(at);
    // Annotated: dashed, a hollow triangle on the floor. Spotted: dotted, a filled diamond.
    const shape = kind === "stated"
      ? `M${x - 5} ${floor}h10l-5 -8Z` : `M${x} ${floor - 10}l4.5 5l-4.5 5l-4.5 -5Z`;
    return look.drawn("g", { class: `mark ${kind} ${name}` },
      look.drawn("line", { x1: x, x2: x, y1: Curve.top, y2: floor }), look.drawn("path", { d: shape }));
  }

  flag(name, at, floor) {
    const x = this.x(at), loose = this.content.yours?.[name] == null;
    const letter = look.drawn("text", { x, y: 16 });
    letter.textContent = Curve.letters[name];
    const group = look.drawn("g", { class: `flag mark ${name} ${loose ? "loose" : ""}`, "data-name": name },
      ...(loose ? [] : [look.drawn("line", { x1: x, x2: x, y1: 20, y2: floor })]),
      look.drawn("rect", { x: x - 9, y: 3, width: 18, height: 18, rx: 4 }), letter);
    return group;
  }

  event(event, floor) {
    const a = this.x(event.onset), b = this.x(event.offset ?? event.apex);
    return look.drawn("g", { class: `event ${event.chosen ? "chosen" : ""} ${event.movement ? "" : "other"}` },
      look.drawn("rect", { x: a, width: Math.max(2, b - a), y: Curve.top, height: floor - Curve.top, rx: 3 }));
  }

  place(event) { return this.frame(event.clientX - this.svg.getBoundingClientRect().left); }

  down(event) {
    if (!this.content || event.button) return;
    event.preventDefault();
    this.svg.setPointerCapture(event.pointerId);
    const box = this.svg.getBoundingClientRect();
    const x = event.clientX - box.left, y = event.clientY - box.top;
    let near = null;
    if (y < Curve.top + 4)
      for (const name of Curve.names) {
        const at = this.content.shown?.[name];
        if (at == null) continue;
        const distance = Math.abs(this.x(at) - x);
        if (distance < 12 && (!near || distance < near.distance)) near = { name, distance };
      }
    this.dragged = near ? { name: near.name } : { seek: true };
    this.drag(event);
  }

  drag(event) {
    if (!this.dragged) return;
    const at = this.place(event);
    if (this.dragged.seek) { this.told({ seek: at }); return; }
    if (at === this.content.shown[this.dragged.name]) return;
    this.dragged.moved = true;
    this.content.shown = { ...this.content.shown, [this.dragged.name]: at };
    this.draw();
    this.told({ seek: at });
  }

  up() {
    const dragged = this.dragged;
    this.dragged = null;
    if (dragged?.moved) this.told({ move: dragged.name, to: this.content.shown[dragged.name] });
  }

  // A small curve of one region, with the cursor's range.
  static small(values, first, count) {
    const svg = look.drawn("svg", { viewBox: `0 0 ${Math.max(1, count - 1)} 30`, preserveAspectRatio: "none" });
    const largest = Math.max(1e-6, ...values.filter((one) => one !== null));
    let d = "";
    values.forEach((value, i) => {
      if (value !== null) d += `${d ? "L" : "M"}${first + i} ${(28 - value / largest * 25).toFixed(1)}`;
    });
    svg.append(look.drawn("path", { class: "motion", d, "vector-effect": "non-scaling-stroke" }));
    return [svg, largest];
  }
}
