"use strict";
// The frames of one clip in one view: asked for one by one, kept as decoded bitmaps, and read ahead.
class Frames {
  static most = 240;      // bitmaps that are kept
  static reach = 10;      // frames that are read ahead on each side
  static at_once = 3;     // of the browser's six connections

  constructor(clip, count, aligned, width, told) {
    Object.assign(this, { clip, count, aligned, width, told });
    this.kept = new Map();     // position -> ImageBitmap
    this.problems = new Map(); // position -> words
    this.waiting = new Map();  // position -> promise
    this.ahead = 0;
    this.ended = false;
    this.size = null;          // of the frame as it is
  }

  has(position) { return this.kept.has(position); }

  // The bitmap of a frame, now or later; null where there is none.
  async get(position) {
    const kept = this.kept.get(position);
    if (kept) { this.kept.delete(position); this.kept.set(position, kept); return kept; }
    if (this.problems.has(position)) return null;
    return this.ask(position, false);
  }

  ask(position, ahead) {
    const known = this.waiting.get(position);
    if (known && (ahead || !known.ahead)) return known.promise;
    const promise = this.load(position, ahead).finally(() => {
      if (this.waiting.get(position)?.promise === promise) this.waiting.delete(position);
    });
    this.waiting.set(position, { promise, ahead });
    return promise;
  }

  async load(position, ahead) {
    const view = this.aligned ? "aligned" : "whole";
    const address = `api/clips/${this.clip}/frames/${position}?view=${view}&width=${this.width}${ahead ? "&ahead=1" : ""}`;
    let answer;
    try {
      answer = await fetch(address, { cache: "no-store" });
    } catch {
      if (!ahead && !this.ended) this.told("The server does not answer. Has mepipe review ended?");
      return null;
    }
    if (answer.status === 204) return null;
    if (!answer.ok) {
      const said = await answer.json().catch(() => ({ message: "The frame cannot be shown." }));
      if (!ahead && !/still being read/.test(said.message)) this.problems.set(position, said.message);
      return null;
    }
    const size = answer.headers.get("Frame-Size");
    if (size) this.size = size.split("x").map(Number);
    const bitmap = await createImageBitmap(await answer.blob()).catch(() => null);
    if (!bitmap || this.ended) return null;
    this.kept.set(position, bitmap);
    while (this.kept.size > Frames.most) {
      const [oldest, gone] = this.kept.entries().next().value;
      this.kept.delete(oldest);
      gone.close();
    }
    return bitmap;
  }

  // Read what people look at next: the frames around this one, first in the direction of travel.
  around(position, direction = 1, also = []) {
    const wanted = [];
    for (let step = 1; step <= Frames.reach; step++) {
      wanted.push(position + step * direction);
      if (step <= 4) wanted.push(position - step * direction);
    }
    wanted.push(position + 10, position - 10, ...also);
    this.wanted = wanted.filter((at) => at >= 0 && at < this.count && !this.kept.has(at) && !this.problems.has(at));
    this.pump();
  }

  pump() {
    while (this.ahead < Frames.at_once && this.wanted?.length && !this.ended) {
      const at = this.wanted.shift();
      if (this.kept.has(at) || this.waiting.has(at)) continue;
      this.ahead++;
      this.ask(at, true).finally(() => { this.ahead--; this.pump(); });
    }
  }

  end() {
    this.ended = true;
    for (const bitmap of this.kept.values()) bitmap.close();
    this.kept.clear();
  }
}
