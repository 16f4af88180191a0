// A drum kit: every piece is computed once as a buffer from swept sines, metal (clashing squares) and shaped noise.

// Rows of the drum lane, from the top, and the General MIDI keys in each.
const DRUM_ROWS = [
  { name: "cymbals", keys: [49, 51, 52, 53, 55, 57, 59] },
  { name: "hi-hat", keys: [42, 44, 46] },
  { name: "toms", keys: [41, 43, 45, 47, 48, 50] },
  { name: "other", keys: [] },
  { name: "snare", keys: [37, 38, 39, 40] },
  { name: "kick", keys: [35, 36] },
];
const HATS = [42, 44, 46];

function drumRow(key) {
  const row = DRUM_ROWS.findIndex((r) => r.keys.includes(key));
  return row < 0 ? 3 : row;
}

const decay = (t, t60_s) => 10 ** ((-3 * t) / t60_s);
const highpassed = (noise) => {
  let last = 0;
  return () => {
    const x = noise();
    const y = x - last;
    last = x;
    return y * 0.5;
  };
};

// A sine that falls from `high_hz` to `low_hz` with time constant `fall_s`.
function sweep(low_hz, high_hz, fall_s) {
  return (t) => Math.sin(2 * Math.PI * (low_hz * t + (high_hz - low_hz) * fall_s * (1 - Math.exp(-t / fall_s))));
}

// Plates have dense, inharmonic modes; products of squares far apart fill the band above them.
function metal(base_hz) {
  const ratios = [1, 1.342, 1.523, 1.823, 2.186, 2.631];
  return (t) => ratios.reduce((sum, r) => sum + (Math.sin(2 * Math.PI * base_hz * r * t) > 0 ? 1 : -1), 0) / 6;
}

const kick = (low_hz) => ({ length_s: 0.5, level: 1.05, make: (noise) => {
  const body = sweep(low_hz, 190, 0.028);
  return (t) => body(t) * decay(t, 0.42) + 0.35 * noise() * decay(t, 0.012);
} });
const snare = (tone_hz, t60_s) => ({ length_s: 0.4, level: 0.8, lowpass_hz: 5200, make: (noise) => {
  const hiss = highpassed(noise);
  const high = sweep(tone_hz, tone_hz * 1.5, 0.012);
  const low = sweep(tone_hz * 1.6, tone_hz * 2, 0.01);
  return (t) => 0.6 * high(t) * decay(t, 0.16) + 0.3 * low(t) * decay(t, 0.11) + (0.35 * noise() + 0.9 * hiss()) * decay(t, t60_s);
} });
const tom = (hz) => ({ length_s: 0.8, level: 0.9, make: (noise) => {
  const body = sweep(hz, hz * 1.7, 0.05);
  return (t) => body(t) * decay(t, 0.55) + 0.16 * noise() * decay(t, 0.05);
} });
const hat = (t60_s, level) => ({ length_s: Math.min(1, t60_s * 1.1), level, highpass_hz: 6500, lowpass_hz: 11000, make: (noise) => {
  const plate = metal(540);
  return (t) => (0.55 * plate(t) + 0.5 * noise()) * decay(t, t60_s) + 0.4 * noise() * decay(t, 0.01);
} });
const cymbal = (t60_s, highpass_hz, level) => ({ length_s: Math.min(2.6, t60_s), level, highpass_hz, lowpass_hz: 7500, make: (noise) => {
  const plate = metal(412);
  return (t) => (0.35 * plate(t) + 0.7 * noise()) * (0.7 * decay(t, t60_s) + 0.5 * decay(t, 0.25)) * Math.min(1, t / 0.003);
} });
const ride = (bell, level) => ({ length_s: 1.9, level, highpass_hz: 3200, lowpass_hz: 8000, make: (noise) => {
  const plate = metal(620);
  const ping = [3120, 4370, 5510, 7230];
  return (t) => {
    const stick = ping.reduce((sum, hz) => sum + Math.sin(2 * Math.PI * hz * t), 0) / 4;
    return bell * stick * decay(t, 0.9) + (0.22 * plate(t) + 0.2 * noise()) * decay(t, 1.7) + 0.5 * noise() * decay(t, 0.02);
  };
} });
const clap = { length_s: 0.35, level: 0.7, highpass_hz: 900, lowpass_hz: 4000, make: (noise) => (t) => {
  const burst = t < 0.03 ? decay(t % 0.01, 0.014) : decay(t - 0.03, 0.2);
  return noise() * burst;
} };
const block = (hz, t60_s, level = 0.55) => ({ length_s: t60_s + 0.05, level, make: () => (t) =>
  (Math.sin(2 * Math.PI * hz * t) + 0.4 * Math.sin(2 * Math.PI * hz * 2.41 * t) * decay(t, t60_s / 2)) * decay(t, t60_s) });
const cowbell = (hz, t60_s) => ({ length_s: t60_s, level: 0.4, make: () => (t) =>
  0.6 * (Math.sign(Math.sin(2 * Math.PI * hz * t)) + Math.sign(Math.sin(2 * Math.PI * hz * 1.48 * t))) * decay(t, t60_s) });
const skin = (hz, t60_s, slap = 0.1) => ({ length_s: t60_s + 0.05, level: 0.65, make: (noise) => {
  const body = sweep(hz, hz * 1.25, 0.02);
  return (t) => body(t) * decay(t, t60_s) + slap * noise() * decay(t, 0.03);
} });
const shaker = (t60_s, rise_s = 0.01) => ({ length_s: t60_s + rise_s + 0.05, level: 0.4, highpass_hz: 5000, make: (noise) => (t) =>
  noise() * (t < rise_s ? t / rise_s : decay(t - rise_s, t60_s)) });
const jingle = { length_s: 0.4, level: 0.4, highpass_hz: 6000, make: (noise) => {
  const plate = metal(1900);
  return (t) => (plate(t) + 0.5 * noise()) * decay(t, 0.3);
} };
const scrape = (length_s) => ({ length_s, level: 0.4, highpass_hz: 2000, make: (noise) => (t) =>
  noise() * (0.5 + 0.5 * Math.sign(Math.sin(2 * Math.PI * (70 + 60 * t) * t))) * Math.min(1, (length_s - t) * 12) });
const whistle = (length_s) => ({ length_s, level: 0.25, make: (noise) => (t) =>
  (Math.sin(2 * Math.PI * 2900 * t + 3 * Math.sin(2 * Math.PI * 28 * t)) + 0.1 * noise()) * Math.min(1, t * 60, (length_s - t) * 30) });

const DRUMS = {
  35: kick(46), 36: kick(52), 37: block(1700, 0.06, 0.6), 38: snare(185, 0.22), 39: clap, 40: snare(215, 0.19),
  41: tom(78), 43: tom(96), 45: tom(118), 47: tom(142), 48: tom(170), 50: tom(205),
  42: hat(0.11, 0.6), 44: hat(0.07, 0.42), 46: hat(1.1, 0.55),
  49: cymbal(2.3, 2800, 0.6), 57: cymbal(2.0, 3400, 0.55), 55: cymbal(0.8, 4500, 0.5), 52: cymbal(1.3, 1800, 0.6),
  51: ride(0.35, 0.5), 59: ride(0.3, 0.48), 53: ride(0.9, 0.5),
  54: jingle, 56: cowbell(560, 0.3), 58: scrape(0.7),
  60: skin(420, 0.16), 61: skin(310, 0.2), 62: skin(350, 0.1, 0.4), 63: skin(330, 0.3), 64: skin(210, 0.35),
  65: skin(480, 0.3, 0.3), 66: skin(340, 0.35, 0.3), 67: cowbell(920, 0.2), 68: cowbell(690, 0.25),
  69: shaker(0.07), 70: shaker(0.05), 71: whistle(0.15), 72: whistle(0.5), 73: scrape(0.12), 74: scrape(0.35),
  75: block(2500, 0.05), 76: block(1150, 0.07), 77: block(820, 0.08), 78: skin(620, 0.15), 79: skin(400, 0.25),
  80: block(5200, 0.08, 0.3), 81: block(5200, 1.1, 0.3), 82: shaker(0.09, 0.03), 83: jingle, 85: block(1900, 0.05),
  86: skin(110, 0.25), 87: skin(85, 0.6),
  other: block(1000, 0.06), breath: { length_s: 1, level: 0.5, make: (noise) => noise },
};

const drumBuffers = new Map();

function drumBuffer(key) {
  const name = DRUMS[key] ? key : "other";
  if (!drumBuffers.has(name)) {
    const { length_s, level, highpass_hz, lowpass_hz, make } = DRUMS[name];
    const voice = make(noiseStream(7 + (Number(name) || 1)));
    const samples = Float32Array.from({ length: Math.ceil(length_s * RATE) }, (_, i) => voice(i / RATE));
    if (highpass_hz) for (let pass = 0; pass < 2; pass++) highpass(samples, highpass_hz);
    if (lowpass_hz) lowpass(samples, lowpass_hz);
    const loudest = samples.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-9);
    const fade = Math.ceil(samples.length / 10);
    for (let i = 0; i < samples.length; i++) {
      samples[i] *= (level / loudest) * Math.min(1, name === "breath" ? 1 : (samples.length - i) / fade);
    }
    const buffer = new AudioBuffer({ length: samples.length, sampleRate: RATE, numberOfChannels: 1 });
    buffer.copyToChannel(samples, 0);
    drumBuffers.set(name, buffer);
  }
  return drumBuffers.get(name);
}

function highpass(samples, hz) {
  const keep = 1 / (1 + (2 * Math.PI * hz) / RATE);
  let lastIn = 0;
  let lastOut = 0;
  for (let i = 0; i < samples.length; i++) {
    lastOut = keep * (lastOut + samples[i] - lastIn);
    lastIn = samples[i];
    samples[i] = lastOut;
  }
}

function lowpass(samples, hz) {
  const follow = 1 - Math.exp((-2 * Math.PI * hz) / RATE);
  let last = 0;
  for (let i = 0; i < samples.length; i++) {
    last += follow * (samples[i] - last);
    samples[i] = last;
  }
}

// Where each piece stands, as the drummer's audience hears it: hi-hat right, floor tom left.
function playDrum(stage, key, velocity, when, into_s) {
  const buffer = drumBuffer(key);
  if (into_s > 0.1) return null; // a hit in the past is over
  const source = new AudioBufferSourceNode(stage.context, { buffer });
  const gain = new GainNode(stage.context, { gain: 0.75 * (velocity / 127) ** 1.4 });
  const side = { cymbals: -0.25, "hi-hat": 0.3, toms: (key - 46) / 12, other: 0.2, snare: 0.05, kick: 0 };
  source.connect(gain).connect(stage.place(side[DRUM_ROWS[drumRow(key)].name]));
  source.start(when);
  return {
    source,
    letGo(at, tau_s = 0.02) {
      gain.gain.setTargetAtTime(0, at, tau_s);
      source.stop(at + 7 * tau_s);
    },
  };
}
