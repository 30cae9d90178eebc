"use strict";
// The review page: what is looked at, the keys, and the marks. Every change goes to the server at
// once, and what the file says comes back. Names are text only, never HTML.
(() => {
  const $ = (id) => document.getElementById(id);
  const NAMES = Curve.names;
  let run = null, state = { rows: {}, visited: [], plan: {}, job: { state: "none", number: 0 } };
  let version = "", clip = null, frames = null, other = null, at = 0, order = [];
  let aligned = true, playing = null, flickering = 0, magnified = null, motion = null, direction = 1;
  let zoom = { scale: 1, x: 0, y: 0 }, drawing = null, pressed = 0, saving = 0, failed = "";
  const recording = new Recording({ post, at: () => at, show, redraw: () => curves(), number: (place) => number(place), say });

  const element = (tag, properties = {}, ...inside) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...inside);
    return made;
  };
  const pressedIs = (id, on) => $(id).setAttribute("aria-pressed", String(Boolean(on)));

  // ---- the server --------------------------------------------------------------------------

  async function get(address) {
    const answer = await fetch(address, { cache: "no-store" });
    const said = await answer.json().catch(() => ({ message: "The server does not answer." }));
    if (!answer.ok) throw Object.assign(new Error(said.message), { said });
    return said;
  }

  async function post(address, body) {
    const answer = await fetch(address, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
    const said = await answer.json().catch(() => ({ message: "The server refused the change." }));
    if (!answer.ok) throw Object.assign(new Error([said.message, said.remedy].filter(Boolean).join(". ")), { said });
    return said;
  }

  async function poll() {
    try {
      const said = await get(`api/state?version=${encodeURIComponent(version)}`);
      const before = state.job;
      take(said);
      if (said.job.state === "done" && (before.state === "running" || before.number !== said.job.number)) await reload();
      if (!failed) trouble(said.problem || run?.problems.join(" ") || "");
    } catch {
      trouble("The server does not answer. Has mepipe review ended? Everything shown as saved is in the file.");
      failed = "gone";
      setTimeout(poll, 3000);
      return;
    }
    if (failed === "gone") failed = "";
    const busy = state.job.state === "running" || state.plan.state === "making";
    setTimeout(poll, document.hidden ? 4000 : busy ? 350 : 1200);
  }

  function take(said) {
    if (saving && said.rows) delete said.rows; // the answer to the change is newer
    else if (said.version !== undefined) version = said.version;
    const rows = said.rows && JSON.stringify(said.rows) !== JSON.stringify(state.rows);
    const visited = said.visited && said.visited.length !== state.visited.length;
    Object.assign(state, said);
    if (rows || visited) marksOfList();
    if (rows && clip) { panel(); curves(); paint(); }
    plan();
  }

  function trouble(words) {
    $("problem").hidden = !words;
    $("problem").textContent = words;
  }

  let sayTimer = 0;
  function say(words, kind = "") {
    $("saved").className = kind;
    $("saved").textContent = words;
    clearTimeout(sayTimer);
    if (kind !== "bad") sayTimer = setTimeout(saved, 2500);
  }
  function saved() {
    $("saved").className = "";
    $("saved").textContent = run ? `Saved: ${run.file.split("/").pop()}` : "";
    $("saved").title = run?.file || "";
  }

  // Changes are written one after another, each against what this page has seen.
  let queue = Promise.resolve();
  function change(cells, index = clip.index) {
    queue = queue.then(async () => {
      const now = state.rows[index] || {};
      const seen = Object.fromEntries(Object.keys(cells).map((name) => [name, now[name] || ""]));
      saving++;
      say("Saving…", "busy");
      try {
        applied(await post(`api/clips/${index}/change`, { cells, seen }));
        say(`Saved: ${run.file.split("/").pop()}`);
      } catch (error) {
        if (error.said?.conflict) await conflict(error.said.conflict, cells, index);
        else say(`Not saved: ${error.message}`, "bad");
      } finally { saving--; }
      panel(); curves(); paint(); marksOfList();
    });
    return queue;
  }

  function applied(said) {
    version = said.version;
    state.rows = said.rows;
    state.plan = { ...state.plan, state: "making" };
    plan();
  }

  function conflict({ column, now }, cells, index) {
    const words = { why: "comment", exclude: "leave out", face_box: "face box" }[column] || column;
    const by = state.rows[index]?.who;
    $("conflictwords").textContent = `${run.clips[index].id}, ${words}: the file says “${now || "nothing"}” now`
      + `${by ? ` (last changed by ${by})` : ""}, and you set “${cells[column] || "nothing"}”. Nothing was written yet.`;
    $("theirs").textContent = `Keep ${now || "nothing"}`;
    $("mine").textContent = `Write ${cells[column] || "nothing"}`;
    const dialog = $("conflict");
    return new Promise((resolve) => {
      dialog.returnValue = "theirs";
      dialog.addEventListener("close", async () => {
        const fresh = await get("api/state?version=").catch(() => null);
        if (fresh) { version = fresh.version; state.rows = fresh.rows; }
        if (dialog.returnValue === "mine") {
          const there = state.rows[index] || {};
          const seen = Object.fromEntries(Object.keys(cells).map((name) => [name, there[name] || ""]));
          await post(`api/clips/${index}/change`, { cells, seen })
            .then((said) => { applied(said); say(`Saved: ${run.file.split("/").pop()}`); })
            .catch((error) => say(`Not saved: ${error.message}`, "bad"));
        } else say("Kept what the file says");
        resolve();
      }, { once: true });
      dialog.showModal();
    });
  }

  async function undo() {
    if (clip?.recording && recording.shown) { await recording.undo(); return; }
    try {
      const said = await post("api/undo", {});
      applied(said);
      if (!said.undone) { say("Nothing to take back"); return; }
      say("Taken back");
      marksOfList();
      if (said.clip !== null && said.clip !== clip.index) await open(said.clip);
      else { panel(); curves(); paint(); }
    } catch (error) { say(`Not taken back: ${error.message}`, "bad"); }
  }

  // ---- plan and rebuild --------------------------------------------------------------------

  function plan() {
    const { plan: planned, job } = state, place = $("plan"), running = job.state === "running";
    $("bar").hidden = !running;
    $("rebuild").textContent = running ? "Stop" : "Rebuild";
    place.title = "";
    if (running) {
      if (job.total) { $("bar").max = job.total; $("bar").value = job.done; } else $("bar").removeAttribute("value");
      place.textContent = `${job.title} ${job.total ? `${job.done} of ${job.total}` : ""}`;
    } else if (job.state === "failed" && job.number !== plan.told) {
      place.replaceChildren(element("b", { textContent: `${job.message}. ${job.remedy}` }));
    } else if (planned.state === "failed") place.textContent = planned.message;
    else if (planned.state === "making") { if (!planned.words) place.textContent = "planning…"; place.title = "planning…"; }
    else if (!planned.words) place.textContent = "Nothing to rebuild";
    else place.replaceChildren("A rebuild computes ", element("b", { textContent: planned.words }));
    place.dataset.state = running ? "running" : planned.state;
    $("rebuild").disabled = !running && (planned.state === "failed" || (planned.state === "made" && !planned.words));
  }

  $("rebuild").addEventListener("click", async () => {
    const stop = state.job.state === "running";
    if (!stop) plan.told = state.job.number;
    const said = await post("api/rebuild", { stop }).catch((error) => { say(error.message, "bad"); return null; });
    if (said) { state.job = said.job; plan(); }
  });

  async function reload() {
    run = await get("api/run");
    list();
    if (clip) await open(clip.index, { keep: true });
    say(state.job.message ? `Computed: ${state.job.message}` : "Nothing had to be computed");
  }

  // ---- the list ----------------------------------------------------------------------------

  const row = (index) => state.rows[index] || {};
  const changed = (index) => ["onset", "apex", "offset", "emotion", "movement", "face_box", "exclude", "why"].some((name) => row(index)[name]);
  const looked = (index) => state.visited.includes(index) || changed(index);

  function list() {
    const first = run.order.filter((index) => run.clips[index].doubts.length);
    const rest = run.clips.map((one) => one.index).filter((index) => !first.includes(index));
    rest.sort((a, b) => Boolean(run.clips[b].failed) - Boolean(run.clips[a].failed) || a - b);
    order = [...first, ...rest];
    $("list").replaceChildren(...order.map((index) => {
      const one = run.clips[index];
      const button = element("button", { title: [one.id, ...one.doubts, one.failed].filter(Boolean).join("\n") },
        element("span", { className: "state" }),
        element("span", { className: "id" }, element("bdi", { textContent: one.id })),
        element("span", { className: "tag", textContent: one.failed ? "failed" : one.doubts.length ? "look" : "" }),
        element("span", { className: "sub", textContent: one.doubts[0] || one.failed || (one.recording ? "recording" : one.emotion) }));
      button.addEventListener("click", () => open(index));
      const item = element("li", {}, button);
      item.dataset.index = index;
      return item;
    }));
    marksOfList();
  }

  function marksOfList() {
    const wanted = $("search").value.trim().toLowerCase(), which = $("filter").value;
    let shown = 0, done = 0;
    const visited = new Set(state.visited);
    for (const item of $("list").children) {
      const index = Number(item.dataset.index), one = run.clips[index], has = changed(index);
      item.className = has ? "done" : visited.has(index) ? "visited" : "";
      done += has || visited.has(index);
      const fits = { all: true, look: one.doubts.length, changed: has, failed: one.failed, rest: !has && !visited.has(index) }[which];
      const word = row(index).emotion || one.emotion;
      item.hidden = !fits || !`${one.id} ${one.subject} ${word} ${row(index).why || ""}`.toLowerCase().includes(wanted);
      shown += !item.hidden;
      const button = item.firstElementChild, here = index === clip?.index;
      if (here) button.setAttribute("aria-current", "true"); else button.removeAttribute("aria-current");
    }
    $("count").textContent = `${done} of ${run.clips.length} looked at` + (shown < run.clips.length ? `, ${shown} shown` : "");
  }

  function step(by) {
    const shown = [...$("list").children].filter((item) => !item.hidden || Number(item.dataset.index) === clip?.index);
    const place = shown.findIndex((item) => Number(item.dataset.index) === clip?.index);
    const next = shown[place + by];
    if (next) open(Number(next.dataset.index));
    else say(by > 0 ? "This is the last clip of the list" : "This is the first clip of the list");
  }
  $("search").addEventListener("input", marksOfList);
  $("filter").addEventListener("change", marksOfList);
  $("search").addEventListener("keydown", (event) => {
    if (event.key === "Escape" || event.key === "Enter") { event.target.blur(); event.preventDefault(); }
    if (event.key === "Enter") { const first = [...$("list").children].find((item) => !item.hidden); if (first) open(Number(first.dataset.index)); }
  });

  // ---- one clip ----------------------------------------------------------------------------

  async function open(index, { keep = false } = {}) {
    stop();
    if (!keep) closeLook();
    let said;
    try { said = await get(`api/clips/${index}`); } catch (error) { say(error.message, "bad"); return; }
    const place = keep && clip?.index === index ? at : null;
    clip = said;
    motion = null;
    if (!state.visited.includes(index)) state.visited.push(index);
    frames?.end(); other?.end();
    frames = other = drawn = null;
    zoom = { scale: 1, x: 0, y: 0 };
    $("name").textContent = clip.id;
    $("facts").textContent = facts();
    if (clip.frames) frames = made(aligned && clip.aligned);
    $("aligned").disabled = !clip.aligned;
    pressedIs("aligned", aligned && clip.aligned);
    marksOfList();
    document.querySelector("#list [aria-current]")?.scrollIntoView({ block: "nearest" });
    await (clip.recording ? recording.open(clip) : recording.close());
    panel(); curves(); flow();
    const marks = shownMarks();
    at = -1;
    show(place ?? marks.apex ?? marks.onset ?? 0);
    if (clip.frames && clip.aligned && !clip.recording) measure(index);
  }

  const made = (upright) => new Frames(clip.index, clip.frames.count, upright, Math.round($("view").clientWidth * devicePixelRatio), trouble);

  function facts() {
    const { frames: has } = clip, parts = [];
    if (has) {
      parts.push(`${has.count} frames`);
      if (has.fps) parts.push(`${+has.fps.toFixed(2)} fps`);
    }
    if (clip.emotion) parts.push(clip.emotion);
    if (clip.units) parts.push(`AU ${clip.units}`);
    return parts.join(" · ");
  }

  async function measure(index) {
    for (let wait = 150; clip?.index === index; wait = Math.min(1200, wait * 1.4)) {
      let said;
      try { said = await get(`api/clips/${index}/motion`); } catch { return; }
      if (clip?.index !== index) return;
      motion = said;
      curves(); panelTable();
      if (said.state !== "computing") return;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  const number = (position) => clip.frames?.numbers ? clip.frames.numbers[position] : (clip.frames?.first || 0) + position;
  function position(text) {
    const wanted = Number(text);
    if (!clip.frames || text === "" || text == null || Number.isNaN(wanted)) return null;
    const found = clip.frames.numbers ? clip.frames.numbers.indexOf(wanted) : wanted - clip.frames.first;
    return found >= 0 && found < clip.frames.count ? found : null;
  }
  function time(place) {
    if (!clip.frames) return null;
    if (clip.frames.times) return clip.frames.times[place];
    return clip.frames.fps ? place * 1000 / clip.frames.fps : null;
  }

  const yours = () => Object.fromEntries(NAMES.map((name) => [name, position(row(clip.index)[name])]));
  const stated = () => Object.fromEntries(NAMES.map((name) => [name, position(clip.stated[name])]));
  function spotted() {
    if (motion?.state === "done") return { onset: motion.onset, apex: motion.apex, offset: motion.offset };
    return Object.fromEntries(NAMES.map((name) => [name, clip.used[name]?.source === "spotted" ? clip.used[name].at : null]));
  }
  // What counts now: the user's mark, else the annotated, else the spotted one.
  function shownMarks() {
    if (clip.recording) return recording.marks();
    const mine = yours(), theirs = stated(), found = spotted();
    return Object.fromEntries(NAMES.map((name) => [name, mine[name] ?? theirs[name] ?? clip.used[name]?.at ?? found[name]]));
  }

  function show(place) {
    if (!clip?.frames) { paint(); return; }
    place = Math.max(0, Math.min(clip.frames.count - 1, place));
    if (place !== at) direction = place >= at ? 1 : -1;
    at = place;
    const ms = time(at);
    $("where").textContent = `frame ${number(at)}${ms === null ? "" : ` · ${(ms / 1000).toFixed(3)} s`}`;
    curve.seek(at);
    paint();
  }

  // ---- drawing the frame -------------------------------------------------------------------

  const canvas = $("frame"), ink = canvas.getContext("2d", { alpha: false });
  let lately = 0, drawn = null;
  async function paint() {
    const wanted = at, mine = frames, since = pressed;
    pressed = 0;
    if (!mine) { words(clip?.failure ? `${clip.failure.message} ${clip.failure.remedy}` : clip?.problem || "No frame can be shown."); drawn = null; put(null); return; }
    let bitmap = mine.kept.get(wanted) || null;
    if (!bitmap) {
      const slow = setTimeout(() => { if (mine === frames && wanted === at) words("Reading the frame…"); }, 250);
      bitmap = await mine.get(wanted);
      clearTimeout(slow);
    }
    if (mine !== frames || wanted !== at) return;
    if (!bitmap) {
      const problem = mine.problems.get(wanted);
      if (problem) { words(problem); drawn = null; put(null); } else { words("Reading the frame…"); clearTimeout(lately); lately = setTimeout(paint, 300); }
      return;
    }
    words("");
    drawn = bitmap;
    put(bitmap);
    $("view").dataset.frame = wanted;
    $("view").dataset.view = mine.aligned ? "aligned" : "whole";
    // Behind the next painting: then it is on the screen.
    if (since) requestAnimationFrame(() => setTimeout(() => performance.measure("frame", { start: since, end: performance.now() })));
    const marks = shownMarks();
    mine.around(wanted, direction, Object.values(marks).filter((one) => one != null));
  }

  function words(text) { $("words").hidden = !text; $("words").textContent = text; }

  function fit(bitmap) {
    const { width, height } = canvas;
    const scale = Math.min(width / bitmap.width, height / bitmap.height) * zoom.scale;
    return { scale, x: (width - bitmap.width * scale) / 2 + zoom.x, y: (height - bitmap.height * scale) / 2 + zoom.y };
  }

  function put(bitmap) {
    const width = Math.round(canvas.clientWidth * devicePixelRatio), height = Math.round(canvas.clientHeight * devicePixelRatio);
    if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
    ink.setTransform(1, 0, 0, 1, 0, 0);
    ink.fillStyle = "#16191d";
    ink.fillRect(0, 0, width, height);
    badge(bitmap);
    if (!bitmap?.width) return; // one that was given back has no size
    const { scale, x, y } = fit(bitmap);
    ink.imageSmoothingQuality = "high";
    ink.imageSmoothingEnabled = scale < 4;
    ink.setTransform(scale, 0, 0, scale, x, y);
    ink.drawImage(bitmap, 0, 0);
    if (!frames.aligned) boxes(bitmap, scale);
  }

  function boxes(bitmap, scale) {
    const size = frames.size;
    if (!size) return;
    const ratio = bitmap.width / size[0], styles = getComputedStyle(document.documentElement);
    const draw = (box, colour, dashes) => {
      ink.lineWidth = 2 * devicePixelRatio / scale;
      ink.strokeStyle = colour;
      ink.setLineDash(dashes.map((one) => one * devicePixelRatio / scale));
      ink.strokeRect(box[0] * ratio, box[1] * ratio, (box[2] - box[0]) * ratio, (box[3] - box[1]) * ratio);
    };
    const own = row(clip.index).face_box?.split(/\s+/).map(Number);
    if (drawing?.box) draw(drawing.box, styles.getPropertyValue("--accent"), []);
    else if (own?.length === 4) draw(own, "#7dd3a0", []);
    else if (clip.box) draw(clip.box, "#ffffffaa", [6, 5]);
  }

  function badge(bitmap) {
    const marks = clip ? shownMarks() : {}, here = NAMES.filter((name) => marks[name] === at);
    $("badge").textContent = bitmap ? here.join(", ") : "";
    $("badge").className = here.length ? "mark" : "";
  }
  new ResizeObserver(() => put(drawn)).observe($("view"));

  // ---- zoom, pan, face box -----------------------------------------------------------------

  function zoomTo(scale, x = canvas.width / 2, y = canvas.height / 2) {
    scale = Math.max(1, Math.min(16, scale));
    const ratio = scale / zoom.scale;
    const cx = x - canvas.width / 2, cy = y - canvas.height / 2;
    zoom = scale === 1 ? { scale, x: 0, y: 0 } : { scale, x: cx - (cx - zoom.x) * ratio, y: cy - (cy - zoom.y) * ratio };
    $("view").classList.toggle("zoomed", scale > 1);
    put(drawn);
  }
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomTo(zoom.scale * Math.exp(-event.deltaY / 400), event.offsetX * devicePixelRatio, event.offsetY * devicePixelRatio);
  }, { passive: false });
  canvas.addEventListener("dblclick", () => zoomTo(1));

  function inFrame(event) {
    const { scale, x, y } = fit(drawn), ratio = frames.size[0] / drawn.width;
    const bound = (value, most) => Math.round(Math.max(0, Math.min(most, value)));
    return [bound((event.offsetX * devicePixelRatio - x) / scale * ratio, frames.size[0]),
      bound((event.offsetY * devicePixelRatio - y) / scale * ratio, frames.size[1])];
  }
  let pan = null;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button || !drawn) return;
    canvas.setPointerCapture(event.pointerId);
    if (drawing) drawing.start = inFrame(event);
    else if (zoom.scale > 1) pan = [event.clientX, event.clientY, zoom.x, zoom.y];
  });
  canvas.addEventListener("pointermove", (event) => {
    if (drawing?.start && drawn) {
      const [x, y] = inFrame(event), [a, b] = drawing.start;
      drawing.box = [Math.min(a, x), Math.min(b, y), Math.max(a, x), Math.max(b, y)];
      put(drawn);
    } else if (pan) {
      zoom.x = pan[2] + (event.clientX - pan[0]) * devicePixelRatio;
      zoom.y = pan[3] + (event.clientY - pan[1]) * devicePixelRatio;
      put(drawn);
    }
  });
  canvas.addEventListener("pointerup", () => {
    pan = null;
    if (!drawing?.start) return;
    const box = drawing.box;
    drawing.start = null;
    if (!box || box[2] - box[0] < 12 || box[3] - box[1] < 12) { say("Draw a larger box around the face", "bad"); drawing.box = null; put(drawn); return; }
    box_off();
    change({ face_box: box.join(" ") });
  });
  function box_on() {
    if (!frames || clip.recording) return;
    if (frames.aligned) view(false);
    drawing = { start: null, box: null };
    $("view").classList.add("drawing");
    pressedIs("box", true);
    say("Draw a box around the face; Esc ends it");
  }
  function box_off() {
    drawing = null;
    $("view").classList.remove("drawing");
    pressedIs("box", false);
    put(drawn);
  }

  function view(upright) {
    if (!clip?.frames || (upright && !clip.aligned)) return;
    aligned = upright;
    pressedIs("aligned", upright);
    if (frames.aligned === upright) return;
    const before = frames;
    frames = other?.aligned === upright ? other : made(upright);
    other = before;
    zoom = { scale: 1, x: 0, y: 0 };
    if (drawing && upright) box_off();
    paint();
  }

  // ---- playing, flicker, magnified ---------------------------------------------------------

  function stop() {
    if (playing) cancelAnimationFrame(playing.request);
    playing = null;
    pressedIs("loop", false);
  }
  function play(speed, loop = null) {
    stop();
    if (!clip?.frames) return;
    closeLook();
    const rate = (clip.frames.fps || 25) * Number($("speed").value) * speed / 1000;
    playing = { loop, speed, place: at, last: performance.now(), request: 0 };
    pressedIs("loop", Boolean(loop));
    const tick = (now) => {
      if (!playing) return;
      const [low, high] = loop || [0, clip.frames.count - 1];
      const next = playing.place + Math.min(200, now - playing.last) * rate;
      playing.last = now;
      const there = Math.floor(next) === at || frames.has(Math.max(low, Math.min(high, Math.floor(next))));
      // Frames that are not there yet are waited for: a movement must not be shown with gaps.
      if (there) playing.place = next;
      else frames.get(Math.max(low, Math.min(high, Math.floor(next))));
      if (playing.place > high + 0.999 || playing.place < low) {
        if (!loop) { show(playing.place < low ? low : high); stop(); return; }
        playing.place = low;
      }
      show(Math.floor(playing.place));
      playing.request = requestAnimationFrame(tick);
    };
    playing.request = requestAnimationFrame(tick);
  }
  function loop() {
    if (playing?.loop) { stop(); return; }
    const { onset, apex, offset } = shownMarks();
    const ends = [onset, apex, offset].filter((one) => one != null);
    if (!clip?.frames || ends.length < 2) { say("A loop needs two marks", "bad"); return; }
    const low = Math.min(...ends), high = Math.max(...ends), beside = Math.max(2, Math.round((high - low) * 0.15));
    play(1, [Math.max(0, low - beside), Math.min(clip.frames.count - 1, high + beside)]);
  }
  let before = null;
  function flicker(on) {
    if (on === Boolean(flickering)) return;
    pressedIs("flicker", on);
    if (!on) { clearInterval(flickering); flickering = 0; if (before !== null) show(before); before = null; return; }
    const { onset, apex } = shownMarks();
    if (onset == null || apex == null) { pressedIs("flicker", false); say("Flicker needs an onset and an apex", "bad"); return; }
    stop(); magnify(false);
    before = at;
    show(apex);
    flickering = setInterval(() => show(at === apex ? onset : apex), 320);
  }
  function magnify(on) {
    if (on === Boolean(magnified)) return;
    if (!on) { magnified.end(); magnified = null; }
    else {
      const marks = clip?.used, flows = clip?.flow && marks?.onset && magnify.flow;
      if (!flows || clip.problem) { say("Magnifying needs the flow of a run", "bad"); return; }
      stop(); flicker(false);
      magnified = look.magnify($("magnified"), {
        picture: `api/clips/${clip.index}/frames/${marks.onset.at}?view=aligned&width=960`,
        map: `api/clips/${clip.index}/pictures/displacement`,
        largest: magnify.flow.largest, size: magnify.flow.size,
        factor: Number($("factor").querySelector("input").value),
        words: "The movement from onset to apex, magnified",
      });
      if (look.still()) magnified.hold(1); else magnified.play();
    }
    $("magnified").hidden = $("factor").hidden = !on;
    if (!on) $("magnified").replaceChildren();
    pressedIs("magnify", on);
  }
  function factor(value) {
    const input = $("factor").querySelector("input");
    input.value = value;
    $("factor").querySelector("output").textContent = `${input.value} ×`;
    if (magnified) magnified.factor = Number(input.value);
  }
  $("factor").addEventListener("input", (event) => factor(event.target.value));
  function closeLook() { flicker(false); magnify(false); if (drawing) box_off(); }

  async function flow() {
    const index = clip.index;
    magnify.flow = null;
    $("flow").hidden = !clip.flow;
    if (!clip.flow) return;
    try {
      const said = await get(`api/clips/${index}/flow`);
      if (clip.index !== index) return;
      magnify.flow = said;
      for (const name of ["flow", "strain"]) $(`${name}picture`).src = `api/clips/${index}/pictures/${name}?of=${said.object}`;
      const longest = look.arrows($("arrows"), { grid: said.grid, largest: said.grid_largest, size: said.size });
      $("arrowed").textContent = `longest ${longest.toFixed(2)} px`;
      $("flow").dataset.object = said.object;
      flowWords();
    } catch (error) { $("flow").hidden = true; }
  }
  function flowWords() {
    const used = clip.used, marks = shownMarks();
    const of = NAMES.slice(0, 2).map((name) => used[name] && number(used[name].at));
    const stale = NAMES.slice(0, 2).some((name) => used[name] && marks[name] !== used[name].at);
    $("flowwords").textContent = `From frame ${of[0]} to ${of[1]}, as the last run used them.`
      + (stale ? " Rebuild for that of your marks." : "");
  }

  // ---- curves and panel --------------------------------------------------------------------

  const curve = new Curve($("curve"), (told) => {
    if (told.seek !== undefined) { stop(); if (flickering) flicker(false); magnify(false); pressed = performance.now(); show(told.seek); }
    if (told.move) mark(told.move, told.to);
  });

  function curves() {
    if (!clip) return;
    if (!clip.frames) { curve.show(null); $("regions").replaceChildren(); $("legend").replaceChildren(); return; }
    const known = motion?.state === "done" ? { first: motion.first, values: motion.curve } : clip.curve;
    const without = motion?.state === "computing" ? "computing the motion…"
      : motion?.state === "failed" ? motion.message : clip.aligned ? "no curve" : "no curve: no face was found";
    curve.at = at;
    curve.show(clip.recording ? recording.curve() : {
      count: clip.frames.count, first: known?.first || 0, values: known?.values || [], without,
      stated: stated(), spotted: spotted(), yours: yours(), shown: shownMarks(), label: number,
    });
    legend();
    regions();
    if (clip.flow) flowWords();
  }

  function legend() {
    const line = (words, ...shapes) => element("span", {}, look.drawn("svg", { viewBox: "0 0 22 12", class: "apex" }, ...shapes), words);
    const flag = (className) => look.drawn("g", { class: `flag mark ${className}` }, look.drawn("rect", { x: 5, y: 0.8, width: 11, height: 10, rx: 3 }));
    if (clip.recording) { $("legend").replaceChildren(...recording.legend(element)); return; }
    $("legend").replaceChildren(
      line("your mark", flag("")), line("in use", flag("loose")),
      line("annotated", look.drawn("g", { class: "mark stated" }, look.drawn("line", { x1: 11, x2: 11, y1: 0, y2: 6 }), look.drawn("path", { d: "M6 11h10l-5 -7Z" }))),
      line("spotted from motion", look.drawn("g", { class: "mark spotted" }, look.drawn("line", { x1: 11, x2: 11, y1: 0, y2: 4 }), look.drawn("path", { d: "M11 3l4 4l-4 4l-4 -4Z" }))),
      ...(curve.largest ? [element("span", { className: "most", textContent: `largest motion ${curve.largest.toFixed(2)} px` })] : []),
      ...(motion?.state === "computing" ? [element("span", { textContent: "computing the motion…" })] : []),
      ...(motion?.state === "done" && !motion.movement ? [element("span", { className: "warn", textContent: "nothing moves above the noise" })] : []),
    );
  }

  function regions() {
    const found = motion?.state === "done" ? Object.entries(motion.regions) : [];
    const peak = ([, values]) => Math.max(0, ...values.filter((one) => one !== null));
    found.sort((a, b) => peak(b) - peak(a));
    $("regions").replaceChildren(...found.slice(0, innerWidth < 1600 ? 4 : 8).map(([name, values]) => {
      const [svg, largest] = Curve.small(values, motion.first, clip.frames.count);
      return element("figure", {}, element("figcaption", {}, element("span", { textContent: name.replaceAll("_", " ") }),
        element("span", { textContent: `${largest.toFixed(2)} px` })), svg);
    }));
  }

  function panel() {
    const cells = row(clip.index);
    const why = [];
    const said = new Set();
    const add = (text, className = "") => { if (text && !said.has(text)) { said.add(text); why.push(element("p", { textContent: text, className })); } };
    if (clip.failure) add(`${clip.failure.stage}: ${clip.failure.message}. ${clip.failure.remedy}`);
    add(clip.problem);
    for (const text of run.clips[clip.index].doubts) add(text);
    for (const text of clip.notes) add(text, "note");
    $("why").replaceChildren(...why);
    $("marks").hidden = $("labels").hidden = clip.recording;
    $("events").hidden = !clip.recording;
    if (clip.recording) { recording.panel($("events"), element); return; }
    panelTable();
    const select = $("emotion");
    const options = ["", ...run.words];
    if (cells.emotion && !options.includes(cells.emotion)) options.push(cells.emotion);
    if (select.options.length !== options.length + 0 || select.dataset.of !== clip.id) {
      select.replaceChildren(...options.map((word) => element("option", { value: word, textContent: word || (clip.emotion ? `${clip.emotion} (as annotated)` : "none annotated") })));
      select.dataset.of = clip.id;
    }
    select.value = cells.emotion || "";
    pressedIs("still", cells.movement === "no");
    pressedIs("exclude", ["yes", "y", "true", "1", "x"].includes((cells.exclude || "").toLowerCase()));
    const boxed = $("boxed");
    boxed.replaceChildren(cells.face_box || (clip.box ? "found by itself" : "none"));
    if (cells.face_box) {
      const clear = element("button", { className: "quiet", textContent: "✕", title: "Take the box away", ariaLabel: "Take the face box away" });
      clear.addEventListener("click", () => change({ face_box: "" }));
      boxed.append(" ", clear);
    }
    if (document.activeElement !== $("comment")) $("comment").value = cells.why || "";
    $("signed").textContent = cells.who || cells.when ? `Last changed${cells.who ? ` by ${cells.who}` : ""}${cells.when ? `, ${cells.when.replace("T", " ").replace("+00:00", " UTC")}` : ""}` : "";
  }

  function panelTable() {
    if (clip.recording) return;
    const mine = yours(), theirs = stated(), found = spotted(), shown = shownMarks(), cells = row(clip.index);
    const go = (place, text = place == null ? "" : String(number(place))) => {
      if (place == null) return text;
      const button = element("button", { className: "go", textContent: text, title: "Go to this frame" });
      button.addEventListener("click", () => { closeLook(); show(place); });
      return button;
    };
    $("marks").querySelector("tbody").replaceChildren(...NAMES.map((name) => {
      const set = element("button", { title: `The ${name} is at this frame (${Curve.letters[name]})` }, "Set ", element("kbd", { textContent: Curve.letters[name] }));
      set.addEventListener("click", () => mark(name, at));
      const own = element("td", { className: "yours" }, go(mine[name], cells[name] ? cells[name] : ""));
      if (cells[name]) {
        const clear = element("button", { className: "quiet", textContent: "✕", title: "Take your mark away", ariaLabel: `Take your ${name} away` });
        clear.addEventListener("click", () => change({ [name]: "" }));
        own.append(clear);
      }
      const used = (place) => (mine[name] == null && place != null && place === shown[name] ? "used" : "");
      return element("tr", {}, element("td", { className: `name ${name}`, textContent: name }),
        element("td", { className: used(theirs[name]) }, go(theirs[name])),
        element("td", { className: theirs[name] == null ? used(found[name]) : "" },
          motion?.state === "computing" && found[name] == null ? "…" : go(found[name])), own, element("td", {}, set));
    }));
    const { onset, apex, offset } = shown, parts = [];
    const span = (a, b, words) => {
      if (a == null || b == null) return;
      const ms = time(a) === null ? "" : ` (${Math.round(time(b) - time(a))} ms)`;
      parts.push(`${words} ${b - a} frames${ms}`);
    };
    span(onset, apex, "to the apex");
    span(onset, offset, "in all");
    $("length").textContent = parts.join(", ");
    $("confirm").disabled = !clip.frames || NAMES.every((name) => shown[name] == null);
  }

  function mark(name, place) {
    if (!clip?.frames) return;
    if (clip.recording) { recording.mark(name, place); return; }
    change({ [name]: String(number(place)) });
  }
  async function confirm() {
    if (!clip?.frames || clip.recording) return;
    const shown = shownMarks();
    const cells = Object.fromEntries(NAMES.filter((name) => shown[name] != null).map((name) => [name, String(number(shown[name]))]));
    if (!Object.keys(cells).length) return;
    const index = clip.index;
    await change(cells);
    if (clip.index === index && !$("saved").classList.contains("bad")) step(1);
  }
  const toggle = (name, value, now) => change({ [name]: now ? "" : value });

  // ---- buttons and keys --------------------------------------------------------------------

  const still = () => !clip.recording && toggle("movement", "no", row(clip.index).movement === "no");
  const exclude = () => !clip.recording && toggle("exclude", "yes", $("exclude").getAttribute("aria-pressed") === "true");
  const clicks = {
    previous: () => step(-1), next: () => step(1), back: () => play(-1), stop, forth: () => play(1), loop,
    flicker: () => flicker(!flickering), magnify: () => magnify(!magnified), aligned: () => view(!frames?.aligned),
    confirm, undo, still, exclude, box: () => (drawing ? box_off() : box_on()), keys: () => $("help").showModal(),
  };
  for (const [id, does] of Object.entries(clicks)) $(id).addEventListener("click", (event) => { does(); if (event.detail) event.currentTarget.blur(); });
  $("emotion").addEventListener("change", (event) => { change({ emotion: event.target.value }); event.target.blur(); });
  $("speed").addEventListener("change", (event) => { event.target.blur(); if (playing) play(playing.speed, playing.loop); });
  const comment = $("comment");
  comment.addEventListener("change", () => change({ why: comment.value.replace(/\s*\n\s*/g, " ").trim() }));
  comment.addEventListener("keydown", (event) => {
    if (event.key === "Escape" || (event.key === "Enter" && !event.shiftKey)) { event.preventDefault(); comment.blur(); }
  });

  const travel = (by) => { stop(); flicker(false); magnify(false); show(at + by); };
  const goto = (name) => { const place = shownMarks()[name]; if (place != null) { closeLook(); stop(); show(place); } };
  const keys = {
    ArrowLeft: (e) => travel(e.shiftKey ? -10 : -1), ArrowRight: (e) => travel(e.shiftKey ? 10 : 1),
    Home: () => travel(-at), End: () => travel(clip.frames ? clip.frames.count : 0),
    j: () => play(-1), k: () => { stop(); closeLook(); }, l: () => play(1), " ": loop, m: () => magnify(!magnified),
    f: (e) => { if (!e.repeat) flicker(true); }, v: () => view(!frames?.aligned),
    o: () => mark("onset", at), a: () => mark("apex", at), e: () => mark("offset", at),
    1: () => goto("onset"), 2: () => goto("apex"), 3: () => goto("offset"), Enter: confirm,
    z: still, x: exclude, b: clicks.box, c: () => comment.focus(), u: undo, n: () => step(1), p: () => step(-1),
    "/": () => { $("search").focus(); $("search").select(); }, "?": () => $("help").showModal(),
    "+": () => zoomTo(zoom.scale * 1.5), "=": () => zoomTo(zoom.scale * 1.5), "-": () => zoomTo(zoom.scale / 1.5), 0: () => zoomTo(1),
    "[": () => factor(Number($("factor").querySelector("input").value) - 2), "]": () => factor(Number($("factor").querySelector("input").value) + 2),
    Escape: () => { stop(); closeLook(); },
  };
  const again = new Set(["ArrowLeft", "ArrowRight", "+", "-", "=", "[", "]"]);
  document.addEventListener("keydown", (event) => {
    if (!run || !clip || document.querySelector("dialog[open]")) return;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !/^(TEXTAREA|INPUT)$/.test(event.target.tagName)) { event.preventDefault(); undo(); return; }
    if (look.typing(event)) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const does = (clip.recording && recording.keys[key]) || keys[key];
    if (!does || (event.repeat && !again.has(key))) return;
    // A button that has the focus keeps its own keys.
    if ((key === " " || key === "Enter") && event.target.closest("button, summary, a")) return;
    event.preventDefault();
    pressed = event.timeStamp;
    does(event);
  });
  document.addEventListener("keyup", (event) => { if (event.key.toLowerCase() === "f" && !$("flicker").matches(":active")) flicker(false); });
  addEventListener("blur", () => flicker(false));

  (async () => {
    try {
      run = await get("api/run");
      const said = await get("api/state?version=");
      version = said.version ?? "";
      state = { ...state, ...said, rows: said.rows || {} };
    } catch (error) { trouble(`The page cannot be shown: ${error.message}`); return; }
    $("run").textContent = run.out + (run.coder ? ` · coder ${run.coder}: no run reads these marks by itself` : "");
    $("run").title = run.out;
    saved();
    trouble(state.problem || run.problems.join(" "));
    list(); plan();
    if (run.clips.length) await open(order[0]);
    else trouble("The run has no clips.");
    document.body.dataset.ready = "yes";
    setTimeout(poll, 500);
  })();
})();
