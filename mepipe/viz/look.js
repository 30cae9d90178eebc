"use strict";
// What the report and the review page share: two pictures in turn, a movement made larger, arrows.
// Plain functions on elements of the page. Names and numbers go in as text and attributes only.
const look = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

  // An SVG element with attributes.
  const drawn = (tag, attributes = {}, ...inside) => {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...inside);
    return element;
  };

  // True where a key belongs to a field and is no command.
  const typing = (event) => event.ctrlKey || event.metaKey || event.altKey
    || !!event.target.closest("input:not([type=range]):not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");

  // Signed bytes of base64.
  const bytes = (text) => Int8Array.from(atob(text), (sign) => sign.charCodeAt(0) << 24 >> 24);

  // Show one of several elements that lie on each other: while the pointer is over `holder` the
  // second, on a tap or a click the next. `told(index)` hears of each change.
  function flicker(holder, layers, { told = () => {}, every = 350 } = {}) {
    let at = 0, timer = 0;
    const show = (index) => {
      at = (index + layers.length) % layers.length;
      layers.forEach((layer, place) => layer.classList.toggle("under", place !== at));
      told(at);
    };
    const loop = (on) => {
      clearInterval(timer);
      timer = on ? setInterval(() => show(at + 1), every) : 0;
      return on;
    };
    holder.addEventListener("pointerenter", (e) => { if (e.pointerType === "mouse" && !timer) show(1); });
    holder.addEventListener("pointerleave", (e) => { if (e.pointerType === "mouse" && !timer) show(0); });
    holder.addEventListener("click", () => { loop(false); show(at + 1); });
    show(0);
    return {
      show, loop,
      toggle: () => { loop(false); show(at + 1); },
      get shown() { return at; },
      get looping() { return timer !== 0; },
      end: () => loop(false),
    };
  }

  let made = 0;
  // Draw `picture` (an address) with its movement made larger: warped by `map` (an address of a
  // displacement map, `largest` px at its ends) to `factor` times the movement and back.
  // `size` is the side of the aligned face that `largest` counts in px of.
  function magnify(holder, { picture, map, largest, size, factor = 8, words = "", told = () => {} }) {
    const id = "warp-" + (++made);
    const warp = drawn("feDisplacementMap", {
      in: "SourceGraphic", in2: "moves", scale: 0, xChannelSelector: "R", yChannelSelector: "G",
    });
    const filter = drawn("filter", {
      id, filterUnits: "userSpaceOnUse", primitiveUnits: "userSpaceOnUse",
      x: 0, y: 0, width: size, height: size, "color-interpolation-filters": "sRGB",
    }, drawn("feImage", {
      href: map, x: 0, y: 0, width: size, height: size, preserveAspectRatio: "none", result: "moves",
    }), warp);
    const image = drawn("image", { href: picture, width: size, height: size, filter: `url(#${id})` });
    // Beneath it as it is: a point taken from outside the picture would leave a hole.
    const under = drawn("image", { href: picture, width: size, height: size });
    const svg = drawn("svg", {
      viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": words,
    }, filter, under, image);
    holder.replaceChildren(svg);
    let phase = 0, started = 0, frame = 0;
    const draw = () => {
      // Each point is taken from where it was: hence the sign. 255 / 254: level 1 to 255 is -1 to 1.
      warp.setAttribute("scale", (-2 * largest * (255 / 254) * factor * phase).toFixed(3));
      told(phase, frame !== 0);
    };
    const step = (now) => {
      if (!svg.isConnected) { frame = 0; return; }
      started ||= now;
      phase = (1 - Math.cos((now - started) / 1600 * 2 * Math.PI)) / 2;
      frame = requestAnimationFrame(step);
      draw();
    };
    const pause = () => { cancelAnimationFrame(frame); frame = 0; draw(); };
    const play = () => { if (!frame) { started = 0; frame = requestAnimationFrame(step); draw(); } };
    const hold = (value) => { phase = value; pause(); };
    draw();
    return {
      play, pause, hold,
      toggle: () => (frame ? hold(0) : play()),
      set factor(value) { factor = value; if (!frame) phase = 1; draw(); },
      get factor() { return factor; },
      get phase() { return phase; },
      get playing() { return frame !== 0; },
      end: () => { cancelAnimationFrame(frame); frame = 0; },
    };
  }

  // Draw a grid of flow as arrows into `svg`, whose box is `size` px of the aligned face.
  // `grid` is base64 of 2 * n * n signed bytes, 127 is `largest` px. The longest arrow spans about
  // a cell and a half, so the px it stands for is returned for the caption.
  function arrows(svg, { grid, largest, size }) {
    const values = bytes(grid), n = Math.sqrt(values.length / 2), cell = size / n;
    let longest = 0;
    for (let i = 0; i < n * n; i++) longest = Math.max(longest, Math.hypot(values[i], values[i + n * n]));
    let lines = "", heads = "";
    const point = (x, y) => x.toFixed(1) + " " + y.toFixed(1);
    for (let row = 0; row < n && longest; row++) for (let column = 0; column < n; column++) {
      const i = row * n + column;
      const u = values[i] / longest, v = values[i + n * n] / longest, length = Math.hypot(u, v);
      if (length < 0.06) continue;  // shorter than its own head
      const x = (column + 0.5) * cell, y = (row + 0.5) * cell, reach = 1.5 * cell;
      const tx = x + u * reach, ty = y + v * reach;
      const head = Math.min(0.3 * cell, 0.45 * length * reach);
      const ux = u / length, uy = v / length;
      lines += `M${point(x, y)}L${point(tx - ux * head * 0.8, ty - uy * head * 0.8)}`;
      heads += `M${point(tx, ty)}L${point(tx - ux * head - uy * head * 0.55, ty - uy * head + ux * head * 0.55)}`
        + `L${point(tx - ux * head + uy * head * 0.55, ty - uy * head - ux * head * 0.55)}Z`;
    }
    svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
    svg.replaceChildren(
      drawn("path", { class: "halo", d: lines }), drawn("path", { class: "shaft", d: lines }),
      drawn("path", { class: "head", d: heads }),
    );
    return largest * longest / 127;
  }

  // The row and the centre of each label, so that none covers another and none leaves `low` to
  // `high`: the same as spread_labels in label_layout.py.
  function spread(wanted, widths, low, high, gap = 4) {
    const order = [...wanted.keys()].sort((a, b) => wanted[a] - wanted[b] || a - b);
    const rows = [[]], found = [];
    let used = -gap;
    for (const place of order) {
      if (rows.at(-1).length && used + gap + widths[place] > high - low) { rows.push([]); used = -gap; }
      rows.at(-1).push(place);
      used += gap + widths[place];
    }
    rows.forEach((places, row) => {
      let at = low;
      const packed = places.map((place) => {
        const centre = at + widths[place] / 2;
        at += widths[place] + gap;
        return centre;
      });
      const room = Math.max(high - (at - gap), 0), blocks = [];
      places.forEach((place, i) => {
        blocks.push([wanted[place] - packed[i], 1]);
        while (blocks.length > 1 && blocks.at(-2)[0] / blocks.at(-2)[1] >= blocks.at(-1)[0] / blocks.at(-1)[1]) {
          const [total, count] = blocks.pop();
          blocks.at(-1)[0] += total;
          blocks.at(-1)[1] += count;
        }
      });
      const moved = blocks.flatMap(([total, count]) => Array(count).fill(total / count));
      places.forEach((place, i) => {
        const alone = places.length === 1 && widths[place] > high - low;
        const centre = alone ? (low + high) / 2 : packed[i] + Math.min(Math.max(moved[i], 0), room);
        found[place] = [row, Math.round(centre * 100) / 100];
      });
    });
    return found;
  }

  return { flicker, magnify, arrows, spread, bytes, drawn, typing, still };
})();
