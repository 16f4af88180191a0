// Tones that ring and die: the piano and everything plucked or struck, each a sum of decaying partials.
// A tone is computed once a pitch, as a buffer at the loudest touch; playing it softly means a lowpass and a gain.

const RATE = 44100;
const hertz = (pitch) => 440 * 2 ** ((pitch - 69) / 12);

// The same noise on every visit: a linear congruential generator, values in [-1, 1).
function noiseStream(seed) {
  let state = (seed * 2654435761) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2147483648 - 1;
  };
}

// Adds amplitude * sin(2 pi hz t + phase), falling by 60 dB in t60_s; the recurrence costs two products a sample.
function addPartial(samples, hz, amplitude, t60_s, phase) {
  if (hz > 0.45 * RATE || amplitude < 1e-5) return;
  const step = (2 * Math.PI * hz) / RATE;
  const ratio = 10 ** (-3 / (t60_s * RATE));
  const a = 2 * ratio * Math.cos(step);
  const b = -ratio * ratio;
  let y1 = (amplitude / ratio) * Math.sin(phase - step);
  let y2 = (amplitude / (ratio * ratio)) * Math.sin(phase - 2 * step);
  const stop = Math.min(samples.length, Math.ceil((t60_s * RATE * Math.log10(amplitude / 2e-5)) / 3));
  for (let i = 0; i < stop; i++) {
    const y = a * y1 + b * y2;
    samples[i] += y;
    y2 = y1;
    y1 = y;
  }
}

// Adds noise through a two-pole resonance at `hz`, falling by 60 dB in t60_s.
function addThump(samples, hz, width, amplitude, t60_s, noise) {
  const radius = Math.exp((-Math.PI * hz * width) / RATE);
  const a = 2 * radius * Math.cos((2 * Math.PI * hz) / RATE);
  const gain = amplitude * (1 - radius) * 2;
  const stop = Math.min(samples.length, Math.ceil(t60_s * RATE));
  let y1 = 0;
  let y2 = 0;
  for (let i = 0; i < stop; i++) {
    const y = a * y1 - radius * radius * y2 + noise();
    y2 = y1;
    y1 = y;
    samples[i] += gain * y * 10 ** ((-3 * i) / stop);
  }
}

// Ramps both ends and brings the first 0.15 s to the given root mean square.
function finishTone(samples, attack_s, level) {
  const rise = Math.ceil(attack_s * RATE);
  for (let i = 0; i < rise; i++) samples[i] *= 0.5 - 0.5 * Math.cos((Math.PI * i) / rise);
  const fade = Math.ceil(samples.length / 12);
  for (let i = 0; i < fade; i++) samples[samples.length - 1 - i] *= i / fade;
  const head = Math.min(samples.length, Math.ceil(0.15 * RATE));
  let sum = 0;
  for (let i = 0; i < head; i++) sum += samples[i] * samples[i];
  const scale = level / Math.sqrt(sum / head + 1e-12);
  for (let i = 0; i < samples.length; i++) samples[i] *= scale;
  return samples;
}

// Stiff strings, two or three a key: partials sharper than harmonic (as in Rigaud, David and Daudet 2013), the struck
// point silencing every eighth, each partial a fast and a slow string slightly apart, and the wood behind them.
function pianoTone(pitch) {
  const f0 = hertz(pitch);
  const stiffness = Math.exp(-0.0847 * pitch - 5.82) + Math.exp(0.0926 * pitch - 13.64);
  const ring_s = Math.min(13, 11 * 2 ** (-(pitch - 45) / 15.5));
  const samples = new Float32Array(Math.ceil(RATE * Math.min(8, Math.max(0.7, ring_s * 1.1))));
  const noise = noiseStream(pitch + 1);
  const felt_hz = 1500 + 9 * pitch; // how bright the hardest touch is
  const spread = 2 ** (0.35 / 1200);
  for (let n = 1; n <= 48; n++) {
    const hz = (n * f0 * Math.sqrt(1 + stiffness * n * n)) / Math.sqrt(1 + stiffness);
    if (hz > 11000) break;
    const board = 1 / (1 + (75 / hz) ** 2); // the soundboard hardly radiates below its first modes
    const strike = Math.abs(Math.sin(n * Math.PI * 0.122)) + 0.04;
    const amplitude = (strike * board * Math.exp(-hz / felt_hz)) / n ** (pitch < 45 ? 0.6 : 0.85);
    const t60_s = ring_s / (1 + 0.13 * (n - 1) + (hz / 3800) ** 1.3);
    const phase = Math.PI * noise();
    addPartial(samples, hz / spread, amplitude * 0.72, t60_s, phase);
    if (n <= 16) addPartial(samples, hz * spread, amplitude * 0.3, t60_s * 2.2, phase + 0.4);
  }
  const touch = 0.05 + 0.1 * Math.max(0, (pitch - 60) / 48);
  for (const [hz, share] of [[95, 0.7], [180, 1], [310, 0.8], [540, 0.5]]) {
    addPartial(samples, hz * (1 + 0.03 * noise()), touch * share * 0.5, 0.22, Math.PI * noise());
  }
  addThump(samples, 420, 0.8, touch * 1.6, 0.09, noise);
  addThump(samples, 2300, 0.7, touch * 0.8, 0.03, noise);
  return finishTone(samples, pitch > 80 ? 0.0008 : 0.0018, 0.2 * 2 ** (-Math.max(0, pitch - 72) / 30));
}

// ratios: null for harmonics; pluck: where on the string; bright_hz: where the spectrum is down by e; ring_s at middle C.
const STRUCK = {
  piano: { tone: pianoTone, release_s: 0.09, undamped: 89, level: 1 },
  electricPiano: { ratios: [1, 2, 3, 4, 7.02, 8.1], amps: [1, 0.28, 0.12, 0.05, 0.09, 0.03], ring_s: 5, release_s: 0.08, knock: 0.05 },
  harpsichord: { pluck: 0.09, bright_hz: 6500, ring_s: 3.2, release_s: 0.05, knock: 0.12, fixed: true, level: 0.6 },
  clavinet: { pluck: 0.06, bright_hz: 3600, ring_s: 2.2, release_s: 0.02, knock: 0.1, level: 0.7 },
  celesta: { ratios: [1, 2.01, 4.1, 6.2], amps: [1, 0.1, 0.3, 0.08], ring_s: 2, release_s: 0.3, knock: 0.04 },
  glockenspiel: { ratios: [1, 2.756, 5.404], amps: [1, 0.4, 0.16], ring_s: 2.8, release_s: 1, knock: 0.05, level: 0.7 },
  vibraphone: { ratios: [1, 4, 10], amps: [1, 0.22, 0.05], ring_s: 5, release_s: 0.25, knock: 0.04 },
  marimba: { ratios: [1, 3.93, 9.2], amps: [1, 0.25, 0.06], ring_s: 0.9, release_s: 0.4, knock: 0.15 },
  xylophone: { ratios: [1, 3.0, 6.1], amps: [1, 0.4, 0.2], ring_s: 0.5, release_s: 0.3, knock: 0.25 },
  bells: { ratios: [0.5, 1, 1.19, 1.5, 2, 2.74, 3.76], amps: [0.3, 1, 0.3, 0.25, 0.5, 0.3, 0.2], ring_s: 6, release_s: 1, knock: 0.1 },
  nylonGuitar: { pluck: 0.24, bright_hz: 1500, ring_s: 3, release_s: 0.1, knock: 0.08 },
  steelGuitar: { pluck: 0.17, bright_hz: 3200, ring_s: 4.2, release_s: 0.09, knock: 0.07, level: 0.85 },
  electricGuitar: { pluck: 0.2, bright_hz: 2200, ring_s: 5, release_s: 0.06, knock: 0.03, level: 0.9 },
  mutedGuitar: { pluck: 0.12, bright_hz: 1500, ring_s: 0.35, release_s: 0.05, knock: 0.15 },
  bass: { pluck: 0.2, bright_hz: 700, ring_s: 2.2, release_s: 0.07, knock: 0.05, level: 1.25 },
  brightBass: { pluck: 0.1, bright_hz: 1700, ring_s: 2.2, release_s: 0.05, knock: 0.16, level: 1.05 },
  harp: { pluck: 0.35, bright_hz: 1700, ring_s: 3.2, release_s: 0.6, knock: 0.03 },
  pizzicato: { pluck: 0.2, bright_hz: 1400, ring_s: 0.5, release_s: 0.2, knock: 0.12 },
  banjo: { pluck: 0.08, bright_hz: 3600, ring_s: 0.9, release_s: 0.08, knock: 0.12, level: 0.8 },
  sitar: { pluck: 0.05, bright_hz: 3800, ring_s: 3, release_s: 0.2, knock: 0.05, level: 0.7 },
  kalimba: { ratios: [1, 2.9, 5.9], amps: [1, 0.12, 0.06], ring_s: 1.6, release_s: 0.4, knock: 0.15 },
  timpani: { ratios: [1, 1.5, 1.98, 2.44, 2.94], amps: [1, 0.6, 0.35, 0.2, 0.1], ring_s: 1.6, release_s: 0.6, knock: 0.4, level: 1.2 },
  steelDrum: { ratios: [1, 2, 3.01, 4.2], amps: [1, 0.5, 0.25, 0.08], ring_s: 1.4, release_s: 0.3, knock: 0.08 },
};

function pluckedTone(sound, pitch) {
  const f0 = hertz(pitch);
  const noise = noiseStream(pitch + 301);
  const ring_s = Math.min(9, Math.max(0.08, sound.ring_s * 2 ** (-(pitch - 60) / 24)));
  const samples = new Float32Array(Math.ceil(RATE * Math.min(6, Math.max(0.3, ring_s))));
  const ratios = sound.ratios ?? Array.from({ length: 40 }, (_, i) => (i + 1) * Math.sqrt(1 + 0.00006 * (i + 1) ** 2));
  ratios.forEach((ratio, i) => {
    const n = i + 1;
    const hz = f0 * ratio;
    if (hz > 12000) return;
    const shape = sound.amps
      ? sound.amps[i]
      : ((Math.abs(Math.sin(n * Math.PI * sound.pluck)) + 0.03) / n ** 0.9) * Math.exp(-hz / sound.bright_hz);
    addPartial(samples, hz, shape, ring_s / (1 + 0.16 * (ratio - 1)), Math.PI * noise());
  });
  addThump(samples, Math.min(2500, 900 + f0), 0.8, sound.knock * 1.2, 0.03, noise);
  return finishTone(samples, 0.0012, 0.16 * (sound.level ?? 1));
}

const struckBuffers = new Map();

function struckBuffer(name, pitch) {
  const key = `${name} ${pitch}`;
  if (!struckBuffers.has(key)) {
    const sound = STRUCK[name];
    const samples = sound.tone ? sound.tone(pitch) : pluckedTone(sound, pitch);
    const buffer = new AudioBuffer({ length: samples.length, sampleRate: RATE, numberOfChannels: 1 });
    buffer.copyToChannel(samples, 0);
    struckBuffers.set(key, buffer);
  }
  return struckBuffers.get(key);
}

// Starts a tone at context time `when`, `into_s` seconds after its own beginning; gives what can be let go.
function playStruck(stage, name, pitch, velocity, when, into_s) {
  const sound = STRUCK[name];
  const context = stage.context;
  const touch = velocity / 127;
  const buffer = struckBuffer(name, pitch);
  if (into_s >= buffer.duration) return null;
  const source = new AudioBufferSourceNode(context, { buffer });
  const cutoff_hz = Math.min(16000, 200 + 3400 * touch ** 2 + hertz(pitch) * (1 + 7 * touch ** 2));
  const filter = new BiquadFilterNode(context, { type: "lowpass", frequency: sound.fixed ? 14000 : cutoff_hz, Q: 0.4 });
  const gain = new GainNode(context, { gain: 1.3 * touch ** 1.9 });
  source.connect(filter).connect(gain).connect(stage.place((pitch - 64) / 90));
  source.start(when, into_s);
  const release_s = pitch >= (sound.undamped ?? 128) ? 0.6 : sound.release_s * (pitch < 48 ? 1.6 : 1);
  return {
    source,
    letGo(at, tau_s = release_s) {
      gain.gain.setTargetAtTime(0, at, tau_s);
      source.stop(at + 7 * tau_s);
    },
  };
}
