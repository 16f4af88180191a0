// The piano roll of one take: notes by time and pitch, drums on rows of their own, a keyboard at the left that lights up.

const KEYS_PX = 30;
const TIMES_PX = 20;
const TOP_PX = 6;
const DRUM_ROW_PX = 11;
const NAMES = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];
const isBlack = (pitch) => [1, 3, 6, 8, 10].includes(pitch % 12);
const clock = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;
const pitchName = (pitch) => `${NAMES[pitch % 12]}${Math.floor(pitch / 12) - 1}`;

// Colours of the page's scheme, read from its style sheet.
function readTheme() {
  const style = getComputedStyle(document.documentElement);
  const names = ["ink", "muted", "line", "panel", "stripe", "white-key", "black-key", "prompt", "new", "cursor", "lit"];
  const theme = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  theme.parts = Array.from({ length: 10 }, (_, i) => style.getPropertyValue(`--part-${i}`).trim());
  return theme;
}

// Range of pitches that rolls side by side have in common: at least two octaves, whole keys around it.
function pitchRange(takes) {
  let low = 127;
  let high = 0;
  for (const take of takes) {
    take.notes.pitch.forEach((pitch, i) => {
      if (take.parts[take.notes.part[i]].drum) return;
      low = Math.min(low, pitch);
      high = Math.max(high, pitch);
    });
  }
  if (low > high) return null;
  const pad = Math.max(2, Math.ceil((26 - (high - low)) / 2));
  return { low: Math.max(0, low - pad), high: Math.min(127, high + pad) };
}

function makeRoll(take, range, element) {
  const scroller = element.querySelector(".scroller");
  const sheet = element.querySelector(".sheet");
  const [still, moving] = element.querySelectorAll("canvas");
  const used = new Set(take.notes.pitch.filter((_, i) => take.parts[take.notes.part[i]].drum).map(drumRow));
  const drumRows = DRUM_ROWS.map((_, row) => row).filter((row) => used.has(row));
  const longest_ms = take.notes.sounding.reduce((most, ms) => Math.max(most, ms), 0);
  const roll = { zoom: 1, take };
  let theme = readTheme();
  let width = 0;
  let height = 0;

  const drums_px = () => drumRows.length * DRUM_ROW_PX + (drumRows.length && range ? 8 : 0);
  const pitched_px = () => height - TOP_PX - TIMES_PX - drums_px();
  const row_px = () => pitched_px() / (range.high - range.low + 1);
  const yOfPitch = (pitch) => TOP_PX + (range.high - pitch) * row_px();
  const yOfDrum = (row) => height - TIMES_PX - drumRows.length * DRUM_ROW_PX + drumRows.indexOf(row) * DRUM_ROW_PX;
  const px_per_s = () => ((width - KEYS_PX - 6) * roll.zoom) / Math.max(0.5, take.seconds);
  const xOfTime = (s) => KEYS_PX + s * px_per_s() - scroller.scrollLeft;
  roll.timeAt = (clientX) => {
    const x = clientX - element.getBoundingClientRect().left - KEYS_PX + scroller.scrollLeft;
    return Math.max(0, Math.min(take.seconds, x / px_per_s()));
  };

  function colourOf(i) {
    const prompted = take.prompt !== null && take.notes.onset[i] < take.prompt * 1000;
    if (take.prompt !== null && take.parts.length === 1) return prompted ? theme.prompt : theme.new;
    const own = theme.parts[take.notes.part[i] % theme.parts.length];
    return prompted ? `color-mix(in oklab, ${own} 45%, ${theme.prompt})` : own;
  }

  // First note that could still be seen or heard at a time; onsets are sorted.
  function firstFrom(ms) {
    let low = 0;
    let high = take.notes.onset.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (take.notes.onset[middle] < ms) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function box(i) {
    const { onset, held, pitch, part } = take.notes;
    const x = xOfTime(onset[i] / 1000);
    if (take.parts[part[i]].drum) {
      return { x, y: yOfDrum(drumRow(pitch[i])) + 1.5, w: Math.max(2, Math.min(7, 0.06 * px_per_s())), h: DRUM_ROW_PX - 3 };
    }
    const h = Math.max(2, row_px() - (row_px() > 4 ? 1 : 0));
    return { x, y: yOfPitch(pitch[i]) + (row_px() - h) / 2, w: Math.max(1.6, (held[i] / 1000) * px_per_s() - 0.6), h };
  }

  function paintNote(paper, i, colour, alpha) {
    const { x, y, w, h } = box(i);
    paper.globalAlpha = alpha;
    paper.fillStyle = colour;
    paper.beginPath();
    paper.roundRect(x, y, w, h, Math.min(2.5, w / 2, h / 2));
    paper.fill();
  }

  function paintGround(paper) {
    paper.clearRect(0, 0, width, height);
    if (range) {
      for (let pitch = range.low; pitch <= range.high; pitch++) {
        if (isBlack(pitch)) {
          paper.fillStyle = theme.stripe;
          paper.fillRect(KEYS_PX, yOfPitch(pitch), width, row_px());
        }
        if (pitch % 12 === 0) {
          paper.fillStyle = theme.line;
          paper.fillRect(KEYS_PX, yOfPitch(pitch) + row_px(), width, 1);
        }
      }
    }
    for (const row of drumRows) {
      paper.fillStyle = drumRows.indexOf(row) % 2 === 0 ? theme.stripe : "transparent";
      paper.fillRect(KEYS_PX, yOfDrum(row), width, DRUM_ROW_PX);
    }
    const every = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600].find((s) => s * px_per_s() >= 58) ?? 7200;
    paper.font = "11px system-ui, sans-serif";
    paper.textBaseline = "alphabetic";
    const last = (scroller.scrollLeft + width) / px_per_s();
    for (let s = Math.floor(scroller.scrollLeft / px_per_s() / every) * every; s <= Math.min(last, take.seconds); s += every) {
      const x = xOfTime(s);
      if (x < KEYS_PX - 1) continue;
      paper.fillStyle = theme.line;
      paper.fillRect(x, TOP_PX, 1, height - TIMES_PX - TOP_PX);
      const label = every < 1 ? `${clock(s)}${s % 1 ? ".5" : ".0"}` : clock(s);
      if (x + paper.measureText(label).width + 4 > width) continue;
      paper.fillStyle = theme.muted;
      paper.fillText(label, s ? x + 3 : x + 1, height - 6);
    }
  }

  function paintNotes(paper) {
    const from_ms = (scroller.scrollLeft / px_per_s()) * 1000;
    const to_ms = from_ms + (width / px_per_s()) * 1000;
    paper.save();
    paper.beginPath();
    paper.rect(KEYS_PX, 0, width, height);
    paper.clip();
    for (let i = firstFrom(from_ms - longest_ms); i < take.notes.onset.length && take.notes.onset[i] < to_ms; i++) {
      const faded = take.muted.has(take.notes.part[i]) ? 0.15 : 1;
      paintNote(paper, i, colourOf(i), Math.min(1, 0.4 + 0.6 * (take.notes.velocity[i] / 105) ** 1.3) * faded);
    }
    if (take.prompt !== null && take.prompt < take.seconds - 0.05) {
      const x = xOfTime(take.prompt);
      paper.globalAlpha = 1;
      paper.strokeStyle = theme.muted;
      paper.setLineDash([3, 3]);
      paper.beginPath();
      paper.moveTo(x + 0.5, TOP_PX);
      paper.lineTo(x + 0.5, height - TIMES_PX);
      paper.stroke();
      paper.setLineDash([]);
    }
    paper.restore();
  }

  function paintKeys(paper, lit) {
    paper.globalAlpha = 1;
    paper.fillStyle = theme.panel;
    paper.fillRect(0, 0, KEYS_PX, height);
    paper.font = "9px system-ui, sans-serif";
    paper.textBaseline = "middle";
    if (range) {
      const tall = row_px();
      paper.fillStyle = theme["white-key"];
      paper.fillRect(0, TOP_PX, KEYS_PX - 1, pitched_px());
      // Key tops first, then the seams and the short keys, so that short keys lie on long ones.
      for (const [pitch, colour] of lit) {
        if (isBlack(pitch)) continue;
        paper.fillStyle = colour;
        paper.fillRect(0, yOfPitch(pitch) - tall * 0.25, KEYS_PX - 1, tall * 1.5);
      }
      for (let pitch = range.low; pitch <= range.high; pitch++) {
        const y = yOfPitch(pitch);
        if (isBlack(pitch)) {
          paper.fillStyle = theme.line;
          if (tall >= 4) paper.fillRect(0, y + tall / 2, KEYS_PX - 1, 1);
          paper.fillStyle = lit.get(pitch) ?? theme["black-key"];
          paper.fillRect(0, y, (KEYS_PX - 1) * 0.58, Math.max(1, tall));
        } else if ([0, 5].includes(pitch % 12)) {
          paper.fillStyle = theme.line;
          paper.fillRect(0, y + tall, KEYS_PX - 1, 1);
        }
        if (pitch % 12 === 0 && tall * 12 >= 14) {
          paper.fillStyle = lit.has(pitch) ? "#fff" : "#6b665c";
          paper.fillText(pitchName(pitch), KEYS_PX - 13.5, Math.min(y + tall / 2, TOP_PX + pitched_px() - 5));
        }
      }
    }
    for (const row of drumRows) {
      paper.fillStyle = theme.muted;
      paper.font = "8.5px system-ui, sans-serif";
      paper.fillText(DRUM_ROWS[row].name.replace("cymbals", "cymb."), 1, yOfDrum(row) + DRUM_ROW_PX / 2);
    }
  }

  roll.paintStill = () => {
    if (!width) return;
    const paper = still.getContext("2d");
    paper.globalAlpha = 1;
    paintGround(paper);
    paintNotes(paper);
    paintKeys(paper, new Map());
  };

  // Cursor, and the notes that sound, brighter; only this is painted again while music plays.
  roll.paintMoving = (time_s, playing) => {
    if (!width) return;
    const paper = moving.getContext("2d");
    paper.globalAlpha = 1;
    paper.clearRect(0, 0, width, height);
    const x = xOfTime(time_s);
    const lit = new Map();
    paper.save();
    paper.beginPath();
    paper.rect(KEYS_PX, 0, width, height);
    paper.clip();
    if (playing) {
      const { onset, held, pitch, part } = take.notes;
      const now_ms = time_s * 1000;
      for (let i = firstFrom(now_ms - Math.max(longest_ms, 200)); i < onset.length && onset[i] <= now_ms; i++) {
        const drum = take.parts[part[i]].drum;
        if (now_ms > onset[i] + Math.max(held[i], drum ? 130 : 60) || take.muted.has(part[i])) continue;
        const colour = colourOf(i);
        paper.shadowColor = colour;
        paper.shadowBlur = 9;
        paintNote(paper, i, `color-mix(in oklab, ${colour} 62%, ${theme.lit})`, 1);
        if (!drum) lit.set(pitch[i], colour);
      }
      paper.shadowBlur = 0;
    }
    if (time_s > 0 || playing) {
      paper.globalAlpha = 1;
      paper.fillStyle = theme.cursor;
      paper.fillRect(x - 0.75, 2, 1.5, height - TIMES_PX);
      paper.beginPath();
      paper.moveTo(x - 4.5, 1);
      paper.lineTo(x + 4.5, 1);
      paper.lineTo(x, 7);
      paper.fill();
    }
    paper.restore();
    if (lit.size) paintKeys(paper, lit);
  };

  // Keeps the cursor in sight when the roll is wider than its frame.
  roll.follow = (time_s) => {
    if (roll.zoom === 1) return;
    const x = xOfTime(time_s);
    if (x < KEYS_PX || x > width - 40) scroller.scrollLeft = time_s * px_per_s() - (width - KEYS_PX) * 0.12;
  };
  roll.setZoom = (zoom, around_s) => {
    roll.zoom = Math.max(1, Math.min(zoom, Math.max(1, (180 * take.seconds) / Math.max(1, width))));
    sheet.style.width = roll.zoom === 1 ? "100%" : `${Math.ceil(KEYS_PX + 6 + (width - KEYS_PX - 6) * roll.zoom)}px`;
    scroller.scrollLeft = around_s * px_per_s() - (width - KEYS_PX) / 3;
    roll.paintStill();
  };
  roll.resize = () => {
    theme = readTheme();
    width = element.clientWidth;
    height = element.clientHeight;
    for (const canvas of [still, moving]) {
      const scale = Math.min(3, window.devicePixelRatio || 1);
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
      canvas.getContext("2d").setTransform(scale, 0, 0, scale, 0, 0);
    }
    roll.paintStill();
  };
  scroller.addEventListener("scroll", () => roll.paintStill(), { passive: true });
  return roll;
}
