// The page: builds a card a take from the embedded data and ties controls, rolls and player together.

const STEP_S = 5;
const data = JSON.parse(document.getElementById("data").textContent);
const takes = data.takes.map((take, index) => ({
  ...take,
  muted: new Set(),
  sound: document.getElementById(`sound-${index}`)?.textContent ?? null,
}));
const say = (text) => { document.getElementById("status").textContent = text; };

function build(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", {
    play: "M8 5.2v13.6c0 .8.9 1.3 1.6.9l10.6-6.8c.6-.4.6-1.3 0-1.7L9.6 4.3C8.9 3.9 8 4.4 8 5.2z",
    pause: "M7 5h3.4v14H7zM13.6 5H17v14h-3.4z",
    stop: "M7 7h10v10H7z",
    skip: "M6 6l8 6-8 6zM16 6h2.5v12H16z",
    less: "M6 11h12v2H6z",
    more: "M11 6h2v5h5v2h-5v5h-2v-5H6v-2h5z",
    save: "M11 4h2v8.2l3-3 1.4 1.4L12 16l-5.4-5.4L8 9.2l3 3zM5 18h14v2H5z",
  }[name]);
  svg.append(path);
  return svg;
}

const button = (name, label, text) => build("button", { type: "button", class: name, "aria-label": label, title: label }, icon(name), ...(text ? [text] : []));

function legend(take, index) {
  const list = build("ul", { class: "legend" });
  const swatch = (colour) => {
    const dot = build("span", { class: "swatch", "aria-hidden": "true" });
    dot.style.background = `var(--${colour})`;
    return dot;
  };
  if (take.prompt !== null && take.parts.length === 1) {
    const whole = take.prompt >= take.seconds - 0.05;
    list.append(build("li", {}, swatch("prompt"), "prompt"));
    if (!whole) list.append(build("li", {}, swatch("new"), "continuation"));
    return list;
  }
  if (take.parts.length === 1) return list;
  take.parts.forEach((part, p) => {
    if (take.sound) return list.append(build("li", {}, swatch(`part-${p % 10}`), part.name));
    const toggle = build("button", { type: "button", "aria-pressed": "true", title: `Mute or unmute ${part.name}` }, swatch(`part-${p % 10}`), part.name);
    toggle.addEventListener("click", () => {
      const off = !take.muted.has(p);
      player.mute(index, p, off);
      toggle.setAttribute("aria-pressed", String(!off));
      take.roll.paintStill();
    });
    list.append(build("li", {}, toggle));
  });
  return list;
}

function card(take, index, range, level) {
  const id = `take-${index}`;
  const rollFrame = build("div", {
    class: "roll", role: "slider", tabindex: "0", "aria-label": `Position in ${take.title}`, "aria-valuemin": "0",
    "aria-valuemax": take.seconds.toFixed(1), "aria-valuenow": "0", "aria-valuetext": `0:00 of ${clock(take.seconds)}`,
  }, build("canvas"), build("canvas"), build("div", { class: "scroller" }, build("div", { class: "sheet" })));
  const play = button("play", `Play ${take.title}`);
  const stop = button("stop", `Stop ${take.title}`);
  const time = build("output", { class: "time", "aria-label": "Time" }, `0:00 / ${clock(take.seconds)}`);
  const less = button("less", "Zoom out");
  const more = button("more", "Zoom in");
  const blob = new Blob([base64Bytes(take.midi)], { type: "audio/midi" });
  const save = build("a", { class: "save", download: take.file, href: URL.createObjectURL(blob), "aria-label": `Download ${take.file}`, title: take.file }, icon("save"), "MIDI");
  const controls = build("div", { class: "controls" }, play, stop);
  if (take.prompt !== null && take.prompt < take.seconds - 0.05) {
    const skip = button("skip", "Play from the end of the prompt");
    skip.addEventListener("click", () => player.play(index, Math.max(0, take.prompt - 1)));
    controls.append(skip);
  }
  controls.append(time, build("span", { class: "spring" }), build("span", { class: "zoom" }, less, more), save);
  const heading = build("header", {}, build(level, { id, dir: "auto" }, take.title));
  if (take.detail) heading.append(build("p", { class: "detail", dir: "auto" }, take.detail));
  const article = build("article", { class: "take", "aria-labelledby": id }, heading, rollFrame, controls, legend(take, index));
  if (!take.notes.onset.length) article.append(build("p", { class: "detail" }, "No notes."));
  Object.assign(take, { article, rollFrame, playButton: play, timeText: time, roll: makeRoll(take, range, rollFrame) });

  play.addEventListener("click", () => toggle(index));
  stop.addEventListener("click", () => {
    if (player.current === index) player.stop();
    show(take, 0, false);
  });
  less.addEventListener("click", () => take.roll.setZoom(take.roll.zoom / 2, timeOf(index)));
  more.addEventListener("click", () => take.roll.setZoom(take.roll.zoom * 2, timeOf(index)));
  let dragging = false;
  rollFrame.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "touch" || event.button !== 0) return;
    dragging = true;
    rollFrame.setPointerCapture(event.pointerId);
    player.seek(index, take.roll.timeAt(event.clientX));
  });
  rollFrame.addEventListener("pointermove", (event) => {
    if (dragging) player.seek(index, take.roll.timeAt(event.clientX));
  });
  for (const name of ["pointerup", "pointercancel"]) rollFrame.addEventListener(name, () => { dragging = false; });
  rollFrame.addEventListener("click", (event) => {
    if (event.pointerType === "touch") player.seek(index, take.roll.timeAt(event.clientX));
  });
  return article;
}

// What stays hidden until it is clicked; nothing where no take has an answer.
function answers(label, indices, whole = false) {
  const lines = [...indices].map((i) => takes[i]).filter((take) => take.answer).map((take) => {
    const name = whole && take.group ? `${take.group}, ${take.title}` : take.title;
    return build("li", { dir: "auto" }, build("b", {}, name), ` ${take.answer}`);
  });
  if (!lines.length) return [];
  return [build("details", { class: whole ? "answers key" : "answers" }, build("summary", {}, label), build("ul", {}, ...lines))];
}

const timeOf = (index) => (player.current === index ? player.time() : 0);
const toggle = (index) => (player.playing && player.current === index ? player.pause() : player.play(index));

function show(take, time_s, playing) {
  take.roll.follow(playing ? time_s : -1);
  take.roll.paintMoving(time_s, playing);
  const text = `${clock(time_s)} / ${clock(take.seconds)}`;
  if (take.timeText.textContent === text) return;
  take.timeText.textContent = text;
  take.rollFrame.setAttribute("aria-valuenow", time_s.toFixed(1));
  take.rollFrame.setAttribute("aria-valuetext", `${clock(time_s)} of ${clock(take.seconds)}`);
}

let frames = false;

function frame() {
  if (player.current !== null) show(takes[player.current], player.time(), player.playing);
  if (player.playing) requestAnimationFrame(frame);
  else frames = false;
}

const player = makePlayer(takes, () => {
  takes.forEach((take, index) => {
    const on = player.playing && player.current === index;
    if (on !== take.article.classList.contains("playing")) {
      take.article.classList.toggle("playing", on);
      take.playButton.replaceChildren(icon(on ? "pause" : "play"));
      take.playButton.setAttribute("aria-label", `${on ? "Pause" : "Play"} ${take.title}`);
      if (on) say(`Playing ${take.title}`);
    }
    if (index !== player.current) show(take, 0, false);
  });
  if (!frames) {
    frames = true;
    requestAnimationFrame(frame);
  }
});

// Takes of one group stand in columns under its name; a take without a group has a row of its own.
const main = document.getElementById("takes");
const groups = [];
takes.forEach((take, index) => {
  const known = take.group && groups.find((g) => g.name === take.group);
  if (known) known.indices.push(index);
  else groups.push({ name: take.group, indices: [index] });
});
for (const { name, indices } of groups) {
  const range = pitchRange(indices.map((i) => takes[i]));
  const row = build("div", { class: "row" }, ...indices.map((i) => card(takes[i], i, range, name ? "h3" : "h2")));
  const shown = [row, ...answers("Reveal", indices)];
  main.append(...(name ? [build("section", { "aria-label": name }, build("h2", { class: "group", dir: "auto" }, name), ...shown)] : shown));
}
main.append(...answers("Key to all of them", takes.keys(), true));

const volume = document.getElementById("volume");
volume.value = player.volume * 100;
volume.addEventListener("input", () => player.setVolume(volume.value / 100));
const changeVolume = (by) => {
  player.setVolume(player.volume + by);
  volume.value = player.volume * 100;
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target === volume) return;
  const onControl = event.target.closest("button, a, summary");
  const focused = takes.findIndex((take) => take.article.contains(event.target));
  const index = focused >= 0 ? focused : player.current ?? 0;
  const actions = {
    " ": () => toggle(index),
    ArrowLeft: () => player.seek(index, timeOf(index) - (event.shiftKey ? 1 : STEP_S)),
    ArrowRight: () => player.seek(index, timeOf(index) + (event.shiftKey ? 1 : STEP_S)),
    ArrowUp: () => changeVolume(0.05),
    ArrowDown: () => changeVolume(-0.05),
    Home: () => player.seek(index, 0),
    Escape: () => player.stop(),
  };
  const number = Number(event.key);
  const action = number >= 1 && number <= takes.length ? () => player.play(number - 1) : actions[event.key];
  if (!action || (onControl && event.key === " ")) return;
  event.preventDefault();
  action();
});

const refit = () => takes.forEach((take, index) => {
  take.roll.resize();
  take.roll.setZoom(take.roll.zoom, timeOf(index));
  show(take, timeOf(index), player.playing && player.current === index);
});
new ResizeObserver(refit).observe(main);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refit);

// Tones are computed before they are asked for, one between two other things the page has to do.
function* tones() {
  for (const take of takes) {
    if (take.sound) continue;
    for (let i = 0; i < take.notes.pitch.length; i++) {
      const part = take.parts[take.notes.part[i]];
      const name = part.drum ? null : soundOfProgram(part.program);
      if (part.drum) yield () => drumBuffer(take.notes.pitch[i]);
      else if (STRUCK[name] && !struckBuffers.has(`${name} ${take.notes.pitch[i]}`)) yield () => struckBuffer(name, take.notes.pitch[i]);
    }
  }
}
const waiting = tones();
(function warm() {
  const until = performance.now() + 12;
  while (performance.now() < until) {
    const { value, done } = waiting.next();
    if (done) return;
    value();
  }
  setTimeout(warm, 4);
})();

window.partimento = {
  takes,
  get time() { return player.time(); },
  get playing() { return player.playing ? player.current : null; },
  get scheduled() { return player.scheduledTotal; },
  get voices() { return player.voiceCount(); },
  get rms() { return player.rms(); },
  get volume() { return player.volume; },
  get ready() { return struckBuffers.size; },
  play: player.play,
  pause: player.pause,
  stop: player.stop,
  seek: player.seek,
  setVolume: player.setVolume,
  render: (index, seconds, from_s) => renderTake(takes[index], seconds, from_s),
};
