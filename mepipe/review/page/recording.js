"use strict";
// A recording and its movements: chosen, moved, split, merged, added, deleted.
class Recording {
  constructor(page) { Object.assign(this, page); this.shown = null; this.chosen = 0; this.begin = null; }

  async open(clip) {
    this.clip = clip;
    this.begin = null;
    try {
      const answer = await fetch(`api/clips/${clip.index}/events`, { cache: "no-store" });
      const said = await answer.json();
      if (!answer.ok) throw new Error([said.message, said.remedy].filter(Boolean).join(". "));
      this.shown = said;
    } catch (error) { this.shown = null; this.say(error.message, "bad"); }
    this.chosen = Math.min(this.chosen, Math.max(0, (this.shown?.events.length || 0) - 1));
  }

  close() { this.shown = null; this.clip = null; this.chosen = 0; }

  get event() { return this.shown?.events[this.chosen] || null; }

  marks() {
    const one = this.event;
    return one ? { onset: one.onset, apex: one.apex, offset: one.offset } : {};
  }

  curve() {
    const { shown, clip } = this, one = this.event, count = clip.frames.count;
    let range = null;
    if (one && count > 1500) {
      // A window around the movement: the whole of an hour says nothing about one frame.
      const wide = Math.max(400, 4 * ((one.offset ?? one.apex) - one.onset));
      const middle = Math.round((one.onset + (one.offset ?? one.apex)) / 2);
      const from = Math.max(0, Math.min(count - 1 - wide, middle - wide / 2));
      range = { from: Math.round(from), to: Math.round(Math.min(count - 1, from + wide)) };
    }
    return {
      count, first: 0, values: shown?.curve || [], without: "not searched yet", range,
      shown: this.marks(), yours: shown?.edited ? this.marks() : {}, label: this.number,
      events: (shown?.events || []).map((event, i) => ({ ...event, movement: true, chosen: i === this.chosen })),
      span: this.begin === null ? null : [this.begin, this.at()],
    };
  }

  legend(element) {
    return [element("span", { textContent: this.shown?.edited ? "movements as you edited them" : "movements as spotted" })];
  }

  panel(place, element) {
    const events = this.shown?.events || [];
    const button = (text, key, does, disabled = false) => {
      const made = element("button", { disabled }, `${text} `, element("kbd", { textContent: key }));
      made.addEventListener("click", does);
      return made;
    };
    const items = events.map((event, i) => {
      const made = element("button", {}, element("span", { textContent: `#${i + 1} ${event.kind}` }),
        element("span", { className: "muted", textContent: `${this.number(event.onset)} – ${event.offset === null ? "?" : this.number(event.offset)}` }));
      if (i === this.chosen) made.setAttribute("aria-current", "true");
      made.addEventListener("click", () => this.choose(i));
      return element("li", {}, made);
    });
    place.replaceChildren(
      element("h3", { textContent: events.length === 1 ? "1 movement" : `${events.length} movements` }),
      element("ol", {}, ...items),
      element("div", { className: "row" },
        button("Onset", "O", () => this.mark("onset", this.at()), !this.event),
        button("Apex", "A", () => this.mark("apex", this.at()), !this.event),
        button("Offset", "E", () => this.mark("offset", this.at()), !this.event)),
      element("div", { className: "row" },
        button("Split here", "S", () => this.split(), !this.event),
        button("Merge with next", "G", () => this.merge(), this.chosen >= events.length - 1),
        button("Delete", "D", () => this.remove(), !this.event),
        button(this.begin === null ? "Add: begin" : "Add: end", "W", () => this.add()),
        button("Undo", "U", () => this.undo())),
      element("p", { className: "muted", textContent: this.shown?.edited
        ? `Edited: all movements of this recording stand in ${this.shown.file}.` : "As spotted: nothing is edited." }),
    );
    place.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
    this.place = place;
    this.element = element;
  }

  choose(i) {
    const events = this.shown?.events || [];
    if (!events.length) return;
    this.chosen = Math.max(0, Math.min(events.length - 1, i));
    this.panel(this.place, this.element);
    this.redraw();
    this.show(this.event.apex);
  }

  async send(action) {
    if (!this.shown) return;
    this.say("Saving…", "busy");
    try {
      const said = await this.post(`api/clips/${this.clip.index}/events`, { ...action, seen: this.shown.version });
      this.shown = { ...this.shown, ...said };
      if (said.chosen !== undefined) this.chosen = said.chosen;
      this.chosen = Math.max(0, Math.min(this.chosen, this.shown.events.length - 1));
      this.say(said.nothing ? "Nothing to take back" : `Saved: ${this.shown.file}`);
    } catch (error) {
      this.say(`Not saved: ${error.message}`, "bad");
      if (error.said?.stale) await this.open(this.clip);
    }
    this.panel(this.place, this.element);
    this.redraw();
  }

  mark(name, place) { if (this.event) return this.send({ action: "move", event: this.chosen, name, to: place }); }
  split() { return this.send({ action: "split", event: this.chosen, at: this.at() }); }
  merge() { return this.send({ action: "merge", event: this.chosen }); }
  remove() { return this.send({ action: "delete", event: this.chosen }); }
  undo() { return this.send({ action: "undo" }); }
  add() {
    if (this.begin === null) { this.begin = this.at(); this.say("Go to the end of the movement, and press W again"); }
    else {
      const [onset, offset] = [this.begin, this.at()].sort((a, b) => a - b);
      this.begin = null;
      if (offset > onset) return this.send({ action: "add", onset, offset });
    }
    this.panel(this.place, this.element);
    this.redraw();
  }

  get keys() {
    return {
      ",": () => this.choose(this.chosen - 1), ".": () => this.choose(this.chosen + 1),
      s: () => this.split(), g: () => this.merge(), d: () => this.remove(), w: () => this.add(),
      Escape: () => { this.begin = null; this.redraw(); },
    };
  }
}
