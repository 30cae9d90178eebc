// Without this script every card is shown, and the filters are not.
(() => {
  const data = JSON.parse(document.getElementById("looks").textContent);
  const field = (name) => document.getElementById("f-" + name);
  const filters = document.getElementById("filters");
  if (!filters) return;
  const form = filters.querySelector("form"), box = document.querySelector(".cards");
  const cards = [...box.children];
  const fields = ["search", "dataset", "label", "problem", "sort", "confidence"];

  // An element with text and properties. Names of datasets go in as text only.
  const el = (tag, properties = {}, ...inside) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...inside.filter((one) => one !== null && one !== undefined && one !== ""));
    return made;
  };

  // What is known of a card, and the words that a search looks at.
  const known = new Map(cards.map((card, order) => {
    const clip = card.id.startsWith("clip-") ? data.clips[Number(card.id.slice(5))] : null;
    const said = clip ? [clip.clip, clip.subject, clip.emotion, clip.label]
      : [card.querySelector("h3").textContent];
    return [card, { clip, order, words: said.join("\n").toLowerCase() }];
  }));

  // ---- filters, search, order ----
  const low = (value) => (value === null || value === undefined ? Infinity : value);
  const orders = {
    order: () => 0,
    doubt: (a, b) => (b.weight || 0) - (a.weight || 0),
    confidence: (a, b) => low(a.confidence) - low(b.confidence),
    weak: (a, b) => low(a.strength) - low(b.strength),
    strong: (a, b) => (b.strength ?? -Infinity) - (a.strength ?? -Infinity),
  };
  // Two unknown values are equal: Infinity - Infinity is no order.
  const ordered = (how) => (one, other) => {
    const a = known.get(one), b = known.get(other);
    if (!a.clip || !b.clip) return (a.clip ? 0 : 1) - (b.clip ? 0 : 1) || a.order - b.order;
    return orders[how](a.clip, b.clip) || a.order - b.order;
  };
  let sorted = "order";
  const apply = () => {
    const dataset = field("dataset").value, label = field("label").value;
    const problem = field("problem").value, upto = Number(field("confidence").value);
    const words = field("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const how = field("sort").value in orders ? field("sort").value : "order";
    let shown = 0;
    for (const card of cards) {
      const own = card.dataset, problems = own.problem.split(" ").filter(Boolean);
      // A clip without a confidence is shown unless one is asked for.
      const sure = own.confidence === "" ? upto >= 1 : Number(own.confidence) <= upto;
      const fits = (dataset === "*" || own.dataset === dataset)
        && (label === "*" || own.label === label)
        && (problem === "*" || (problem === "any" ? problems.length > 0 : problems.includes(problem)))
        && words.every((word) => known.get(card).words.includes(word))
        && sure;
      card.hidden = !fits;
      shown += fits;
    }
    if (how !== sorted) {
      box.append(...[...cards].sort(ordered(how)));
      sorted = how;
    }
    field("confidence").nextElementSibling.value = upto.toFixed(2);
    document.getElementById("count").value = shown + " of " + cards.length + " clips";
    document.getElementById("none").hidden = shown > 0;
  };

  // ---- the address holds what is shown, so that it can be sent ----
  const starts = Object.fromEntries(fields.map((name) => [name, field(name).value]));
  let opened = null;
  const remember = () => {
    const parts = new URLSearchParams();
    for (const name of fields) if (field(name).value !== starts[name]) parts.set(name, field(name).value);
    if (opened) parts.set("clip", known.get(opened).clip.clip);
    const text = parts.toString();
    history.replaceState(null, "", text ? "#" + text : location.pathname + location.search);
  };
  // A browser may refuse to change the address many times in a moment.
  let waiting = 0;
  const rememberSoon = () => { clearTimeout(waiting); waiting = setTimeout(remember, 300); };
  const recall = () => {
    const hash = location.hash.slice(1);
    if (/^(clip|failed)-\d+$/.test(hash)) {
      const card = document.getElementById(hash);
      if (!card) return;
      if (card.hidden) { form.reset(); apply(); }
      card.scrollIntoView({ block: "center" });
      if (known.get(card)?.clip) open(card);
      return;
    }
    if (!hash.includes("=")) return;
    const parts = new URLSearchParams(hash);
    for (const name of fields) {
      field(name).value = parts.get(name) ?? starts[name];
      if (field(name).value === "") field(name).value = starts[name];  // a choice that is not there
    }
    apply();
    const wanted = parts.get("clip");
    const card = wanted === null ? null : cards.find((one) => known.get(one).clip?.clip === wanted);
    if (card) open(card);
  };

  form.addEventListener("input", () => { apply(); rememberSoon(); });
  form.addEventListener("reset", () => setTimeout(() => { apply(); rememberSoon(); }));
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("again").addEventListener("click", () => form.reset());

  // ---- one clip, large ----
  const dialog = document.getElementById("detail");
  let parts = {}, ends = [];
  const visible = () => [...box.children].filter((card) => !card.hidden && known.get(card).clip);
  const source = (card, clip, name) => {
    const small = card.querySelector(".p-" + name);
    if (!small) return null;
    if (!clip.large?.includes(name)) return small.src;
    return data.folder + "/" + card.id.slice(5).padStart(4, "0") + "-" + name + ".jpg";
  };
  // A picture; if its file is gone, the small one of the card.
  const image = (card, clip, name, alt) => {
    const made = el("img", { alt, draggable: false });
    made.addEventListener("error", () => {
      const small = card.querySelector(".p-" + name)?.src;
      if (small && made.src !== small) made.src = small;
    });
    made.src = source(card, clip, name);
    return made;
  };
  const button = (words, title, act) => {
    const made = el("button", { type: "button", title }, words);
    made.addEventListener("click", act);
    return made;
  };
  const key = (name) => el("kbd", {}, name);
  const when = (clip, frame) => "frame " + frame + (clip.fps ? ` · ${Math.round(1000 * frame / clip.fps)} ms` : "");
  const markOf = (clip, name) => clip.marks.find((mark) => mark[0] === name);

  const figure = (kind, title, picture, ...below) =>
    el("figure", { className: "look " + kind }, el("figcaption", {}, title), picture, ...below);

  const flickering = (card, clip) => {
    const names = ["onset", "apex"];
    const layers = names.map((name) => image(card, clip, name, `Aligned face, ${name}`));
    const holder = el("div", { className: "stack" }, ...layers);
    const said = el("strong", { className: "which" });
    const loop = button("Loop ", "Show both in turn, about three times a second (f)", () => turn());
    loop.append(key("f"));
    const told = (at) => {
      const mark = markOf(clip, names[at]);
      said.textContent = names[at] + (mark && mark[1] !== null ? ", " + when(clip, mark[1]) : "");
      said.className = "which t-" + names[at];
    };
    const flicker = look.flicker(holder, layers, { told });
    const turn = () => loop.setAttribute("aria-pressed", flicker.loop(!flicker.looping));
    loop.setAttribute("aria-pressed", "false");
    parts.toggle = () => { flicker.toggle(); loop.setAttribute("aria-pressed", "false"); };
    holder.addEventListener("click", () => loop.setAttribute("aria-pressed", "false"));
    parts.loop = turn;
    ends.push(flicker.end);
    const swap = button("Onset or apex ", "Show the other one (space)", () => parts.toggle());
    swap.append(key("space"));
    return figure("big", said, holder, el("p", { className: "tools" }, swap, loop));
  };

  const magnified = (card, clip) => {
    const holder = el("div", { className: "stack" });
    const factor = Math.min(30, Math.max(2, Math.round(14 / Math.max(clip.movesPx, 0.1))));
    const slider = el("input", { type: "range", id: "factor", min: 1, max: 40, step: 1, value: factor });
    const said = el("output", { htmlFor: "factor" }, "× " + factor);
    const play = button("", "Play or stop (m)", () => shown.toggle());
    const shown = look.magnify(holder, {
      picture: source(card, clip, "onset"), map: "data:image/png;base64," + clip.moves,
      largest: clip.movesPx, size: clip.side, factor,
      words: "The onset, with the movement to the apex made larger",
      told: (_, playing) => {
        const words = playing ? "Stop " : "Play ";
        if (play.firstChild?.textContent !== words) play.replaceChildren(words, key("m"));
      },
    });
    slider.addEventListener("input", () => {
      said.value = "× " + slider.value;
      shown.factor = Number(slider.value);
    });
    if (!look.still()) shown.play();
    parts.play = () => shown.toggle();
    ends.push(shown.end);
    return figure("big", el("strong", {}, "movement made larger"), holder,
      el("p", { className: "tools" }, play, el("label", { htmlFor: "factor" }, "by"), slider, said));
  };

  const arrowed = (card, clip, big) => {
    const svg = look.drawn("svg", { class: "arrows", role: "img", "aria-label": "Flow from onset to apex as arrows" });
    const px = look.arrows(svg, { grid: clip.grid, largest: clip.gridPx, size: clip.side });
    const under = card.querySelector(".p-onset") ? [image(card, clip, "onset", "")] : [];
    const holder = el("div", { className: "stack" + (under.length ? " dimmed" : " bare") }, ...under, svg);
    return figure(big ? "big" : "", el("strong", {}, "flow as arrows"), holder,
      el("p", { className: "small" }, `longest arrow: ${px.toFixed(2)} px`));
  };

  const coloured = (card, clip, name, title, below) =>
    figure("", el("strong", {}, title), el("div", { className: "stack" }, image(card, clip, name, title)), below);

  // ---- curves ----
  const levels = (curve) => [...look.bytes(curve.levels)].map((level) => level / 127 * curve.top);
  const line = (values, across, up) =>
    values.map((value, i) => across(i).toFixed(1) + "," + up(value).toFixed(1)).join(" ");

  const curveOf = (clip) => {
    const holder = el("div", { className: "graph" });
    const said = el("p", { className: "small readout" });
    const [first, stop] = clip.part ?? [0, clip.frames], span = Math.max(stop - 1 - first, 1);
    const values = clip.curve ? levels(clip.curve) : [];
    const at = (i) => clip.curve.from + i * (clip.curve.count - 1) / Math.max(values.length - 1, 1);
    const annotated = clip.marks.filter((mark) => mark[1] !== null);
    const spotted = clip.spotted?.marks ?? [];
    const plain = "Point at the curve to read a frame.";
    const draw = () => {
      const width = Math.max(holder.clientWidth, 200), height = 210, left = 6, right = width - 6;
      const letter = 7.2, top = 34, bottom = height - (spotted.length ? 52 : 22);
      const across = (frame) => left + (right - left) * Math.min(Math.max((frame - first) / span, 0), 1);
      const least = Math.min(0, ...values), most = Math.max(1e-9, ...values);
      const up = (value) => bottom - (bottom - top) * (value - least) / (most - least);
      const svg = look.drawn("svg", {
        width, height, viewBox: `0 0 ${width} ${height}`, role: "img",
        "aria-label": [...annotated.map((m) => `${m[0]} at frame ${m[1]}, ${m[3]}`),
          ...spotted.map((m) => `motion alone: ${m[0]} at frame ${m[1]}`)].join("; "),
      });
      svg.append(look.drawn("path", { class: "axis", d: `M${left} ${up(0)}H${right}` }));
      if (values.length) svg.append(look.drawn("polyline", {
        class: "curve", points: line(values, (i) => across(at(i)), up),
      }));
      const label = (marks, row, kind, lineTo) => {
        const texts = marks.map((mark) => `${mark[0]} ${mark[1]}`);
        const places = look.spread(marks.map((m) => across(m[1])), texts.map((t) => t.length * letter), 0, width);
        marks.forEach((mark, i) => {
          const x = across(mark[1]).toFixed(1), [step, centre] = places[i];
          const y = row + (row < bottom ? -step : step) * 14;
          svg.append(
            look.drawn("path", { class: `m-${mark[0]} ${kind}`, d: lineTo(x, centre) }),
            look.drawn("text", { class: "t-" + mark[0], x: centre, y, "text-anchor": "middle" }, texts[i]),
          );
        });
      };
      label(annotated, 14, "stands", (x, c) => `M${c} 18L${x} 28V${bottom + 4}`);
      if (spotted.length) {
        label(spotted, bottom + 32, "dotted", (x, c) => `M${x} ${top}V${bottom + 8}L${c} ${bottom + 20}`);
      }
      const end = (frame) => (clip.fps ? Math.round(1000 * frame / clip.fps) + " ms" : "frame " + frame);
      svg.append(
        look.drawn("text", { x: left, y: height - 4 }, end(first)),
        look.drawn("text", { x: right, y: height - 4, "text-anchor": "end" }, end(stop - 1)),
      );
      const hair = look.drawn("path", { class: "hair" });
      svg.append(hair);
      svg.addEventListener("pointermove", (event) => {
        const frame = Math.round(first + (event.offsetX - left) / (right - left) * span);
        if (frame < first || frame >= stop) return;
        hair.setAttribute("d", `M${across(frame).toFixed(1)} ${top}V${bottom}`);
        const place = clip.curve ? Math.round((frame - clip.curve.from) / Math.max(clip.curve.count - 1, 1) * (values.length - 1)) : -1;
        said.textContent = when(clip, frame) + (values[place] === undefined ? "" : ` · ${(values[place] / most * 100).toFixed(0)} % of the peak`);
      });
      svg.addEventListener("pointerleave", () => { hair.removeAttribute("d"); said.textContent = plain; });
      holder.replaceChildren(svg);
    };
    const watch = new ResizeObserver(draw);
    watch.observe(holder);
    ends.push(() => watch.disconnect());
    if (values.length) said.textContent = plain;
    else {
      said.append(spotted.length || annotated.some((m) => m[3] === "spotted") ? "No curve is stored for this clip."
        : "No curve was computed for this annotated clip. To get one: ");
      if (!spotted.length) said.append(el("code", {}, "mepipe report OUT --curves all"));
    }
    const legend = spotted.length ? el("p", { className: "small legendline" },
      "Above: the marks in use. Below, dotted: what the motion alone says.") : null;
    return [holder, said, legend];
  };

  const regionsOf = (clip) => {
    if (!clip.regions) return null;
    const all = Object.entries(clip.regions).sort((a, b) => b[1].own - a[1].own);
    const lows = all.map(([, curve]) => Math.min(...levels(curve)));
    const small = all.map(([name, curve]) => {
      const values = levels(curve), top = Math.max(curve.top, 1e-9), least = Math.min(0, ...lows);
      const up = (value) => 38.5 - 36 * (value - least) / (top - least);
      const svg = look.drawn("svg", { viewBox: "0 0 120 40", preserveAspectRatio: "none", "aria-hidden": "true" },
        look.drawn("path", { class: "axis", d: `M0 ${up(0).toFixed(1)}H120` }),
        look.drawn("polyline", {
          class: "curve", "vector-effect": "non-scaling-stroke",
          points: line(values, (i) => i * 120 / Math.max(values.length - 1, 1), up),
        }));
      return el("li", {}, el("span", { className: "name" }, name.replaceAll("_", " ")),
        el("span", { className: "small" }, curve.own.toFixed(2)), svg);
    });
    return [el("h3", {}, "Motion by region"),
      el("p", { className: "small" }, `How far each region is from rest, in px of a face of ${data.spotPx} px, all on one scale, the largest first. Left and right are the person’s.`),
      el("ul", { className: "regions" }, ...small)];
  };

  const marksOf = (clip) => {
    const spotted = new Map((clip.spotted?.marks ?? []).map((mark) => [mark[0], mark]));
    const cell = (text, tag = "td") => el(tag, {}, text);
    const sure = (value) => (value === null || value === undefined ? "–" : value.toFixed(2));
    const heads = ["key frame", "frame", "from", "confidence"];
    if (spotted.size) heads.push("motion alone", "difference");
    const rows = clip.marks.map(([name, position, number, from, confidence]) => {
      const row = el("tr", {}, el("th", { scope: "row" }, name),
        cell(position === null ? "unknown" : position + (number !== null && number !== position ? ` (no. ${number})` : "")),
        cell(from || "–"), cell(sure(confidence)));
      if (spotted.size) {
        const [, frame, own] = spotted.get(name) ?? [];
        const apart = position === null || frame === undefined ? null : frame - position;
        const signed = (value) => (value > 0 ? "+" : value < 0 ? "−" : "") + Math.abs(value);
        row.append(cell(frame === undefined ? "–" : `${frame} (${sure(own)})`),
          cell(apart === null ? "–" : signed(apart) + (clip.fps ? ` (${signed(Math.round(1000 * apart / clip.fps))} ms)` : "")));
      }
      return row;
    });
    return el("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: "Key frames" },
      el("table", {}, el("thead", {}, el("tr", {}, ...heads.map((head) => cell(head, "th")))), el("tbody", {}, ...rows)));
  };

  const figuresOf = (clip) => {
    const shown = Object.entries(data.figures).filter(([name]) => name in clip.figures);
    if (!shown.length) return [];
    return [el("h3", {}, "Quality"), el("dl", { className: "quality" }, ...shown.map(([name, [title, means]]) =>
      el("div", {}, el("dt", {}, title), el("dd", {}, clip.figures[name]), el("dd", { className: "small" }, means))))];
  };

  const doubtsOf = (clip) => (clip.doubts ?? []).map((text) =>
    el("p", { className: "told" }, el("strong", {}, "Worth a look: "), text));
  const notesOf = (clip) => (clip.notes
    ? [el("h3", {}, "Notes"), el("ul", {}, ...clip.notes.map((text) => el("li", {}, text)))] : []);

  const fill = (card) => {
    const { clip } = known.get(card), all = visible(), place = all.indexOf(card);
    ends.forEach((end) => end());
    ends = [];
    parts = {};
    const name = el("h2", { id: "detail-name", tabIndex: -1 }, clip.clip);
    const chips = el("p", { className: "chips" }, el("span", { className: "chip" }, clip.label || "no class"),
      clip.emotion && clip.emotion !== clip.label ? el("span", {}, clip.emotion) : null,
      clip.predicted ? el("span", { className: clip.predicted === clip.label ? "good" : "warn" },
        `predicted ${clip.predicted}${clip.votes ? ` (${clip.votes} seeds)` : ""}`) : null,
      el("span", { className: "small" }, `${clip.frames} frames${clip.fps ? `, ${+clip.fps.toPrecision(4)} a second` : ""}`),
      clip.units ? el("span", { className: "small" }, "action units " + clip.units) : null);
    const step = (by, words, sign, title) => {
      const made = button("", title, () => move(by));
      made.append(by < 0 ? key(sign) : "", words, by > 0 ? key(sign) : "");
      made.disabled = !all[place + by];
      return made;
    };
    const bar = el("header", {}, el("div", { className: "named" }, name, chips),
      el("p", { className: "tools" }, step(-1, " Previous", "←", "Previous clip (left arrow)"),
        el("span", { className: "small count" }, place < 0 ? "" : `${place + 1} of ${all.length}`),
        step(1, "Next ", "→", "Next clip (right arrow)"),
        button("Close", "Close (escape)", () => dialog.close())));
    const faces = card.querySelector(".p-onset") && card.querySelector(".p-apex");
    const seen = [];
    if (faces) seen.push(flickering(card, clip), magnified(card, clip));
    if (clip.grid) seen.push(arrowed(card, clip, !faces));
    if (card.querySelector(".p-flow")) seen.push(coloured(card, clip, "flow", "flow as colour", el("p", { className: "small" }, el("span", { className: "key" }), ` full colour: ${clip.px.toFixed(2)} px`)));
    if (card.querySelector(".p-strain")) seen.push(coloured(card, clip, "strain", "strain", el("p", { className: "small" }, `brightest: ${clip.strain.toFixed(3)}`)));
    if (data.faces && clip.missing) seen.push(el("p", { className: "small wide" }, `The face is not shown: ${clip.missing}.`));
    const right = el("div", { className: "right" }, ...doubtsOf(clip), el("h3", {}, "Motion"), ...curveOf(clip).filter(Boolean), marksOf(clip),
      el("p", { className: "small" }, "Confidence goes from 0 to 1; look at a mark below 0.5 before you use it. An annotated mark counts as 1." + (clip.spotted ? " Behind what the motion alone says stands its own." : "")),
      ...(regionsOf(clip) ?? []), ...notesOf(clip), ...figuresOf(clip),
      el("h3", {}, "To correct it"),
      el("p", {}, el("code", {}, "mepipe review OUT"), " opens the frames of this run. Find there ", el("code", { className: "id" }, clip.clip), "."));
    dialog.replaceChildren(bar, el("div", { className: "body" }, el("div", { className: "looks" }, ...seen), right));
    dialog.querySelector(".body").scrollTop = 0;
    dialog.scrollTop = 0;
  };

  const open = (card) => {
    opened = card;
    fill(card);
    if (!dialog.open) dialog.showModal();
    document.getElementById("detail-name").focus({ preventScroll: true });
    remember();
  };
  const move = (by) => {
    const all = visible(), next = all[all.indexOf(opened) + by];
    if (next) open(next);
  };
  dialog.addEventListener("close", () => {
    ends.forEach((end) => end());
    ends = [];
    dialog.replaceChildren();
    const card = opened;
    opened = null;
    remember();
    card?.querySelector(".open").focus({ preventScroll: true });
    card?.scrollIntoView({ block: "nearest" });
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("keydown", (event) => {
    if (look.typing(event)) return;
    const slides = event.target.matches?.("input[type=range]");
    const acts = { f: parts.loop, m: parts.play };
    if (!slides) Object.assign(acts, { ArrowLeft: () => move(-1), ArrowRight: () => move(1) });
    if (!event.target.closest?.("button, input, summary, a")) acts[" "] = parts.toggle;
    const act = acts[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  box.addEventListener("click", (event) => {
    const card = event.target.closest(".card");
    if (!card || !known.get(card)?.clip) return;
    if (event.target.closest("details")) return;
    const link = event.target.closest("a");
    if (link && (event.ctrlKey || event.metaKey || event.shiftKey)) return;  // a new window
    if (!link && String(getSelection())) return;  // text is being marked
    event.preventDefault();
    open(card);
  });
  addEventListener("hashchange", recall);

  filters.hidden = false;
  document.getElementById("hint").hidden = !data.clips.length;
  box.classList.add("opens");
  // On a phone the open form would cover the cards.
  if (matchMedia("(max-width: 40rem)").matches) filters.open = false;
  apply();
  recall();
})();
