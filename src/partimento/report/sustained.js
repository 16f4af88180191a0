// Tones that last while a key is held: organ, strings, voices, winds and synthesizers, as filtered wavetables.
// harmonics: amplitudes of partials 1, 2, 3 ...; "saw" and "square" stand for their series. cutoff: lowpass in multiples
// of the pitch, plus brightness by touch. detune_cents: a second and third voice beside the first.

const SUSTAINED = {
  drawbarOrgan: { harmonics: [1, 0.8, 0.7, 0.35, 0, 0.2, 0, 0.25], attack_s: 0.006, release_s: 0.03, cutoff: 12, level: 0.5, even: true },
  churchOrgan: { harmonics: [1, 0.7, 0.4, 0.5, 0.15, 0.2, 0.1, 0.3, 0.05, 0.1], attack_s: 0.04, release_s: 0.16, cutoff: 12, detune_cents: 3, level: 0.5, even: true },
  reedOrgan: { harmonics: [1, 0.6, 0.75, 0.4, 0.45, 0.3, 0.25, 0.2, 0.15, 0.1], attack_s: 0.03, release_s: 0.05, cutoff: 8, detune_cents: 6, level: 0.45 },
  violin: { harmonics: "saw", attack_s: 0.07, release_s: 0.1, cutoff: 5, vibrato_cents: 14, level: 0.5 },
  strings: { harmonics: "saw", attack_s: 0.12, release_s: 0.25, cutoff: 3.5, detune_cents: 9, level: 0.4 },
  tremolo: { harmonics: "saw", attack_s: 0.05, release_s: 0.15, cutoff: 4, detune_cents: 8, shake: 0.4, level: 0.42 },
  choir: { harmonics: [1, 0.5, 0.6, 0.35, 0.15, 0.08, 0.1, 0.06], attack_s: 0.14, release_s: 0.25, cutoff: 4, detune_cents: 10, vibrato_cents: 9, level: 0.5 },
  brass: { harmonics: "saw", attack_s: 0.035, release_s: 0.07, cutoff: 3, swell: 2.2, vibrato_cents: 4, level: 0.55 },
  horn: { harmonics: [1, 0.7, 0.45, 0.25, 0.15, 0.08, 0.05], attack_s: 0.06, release_s: 0.1, cutoff: 3, swell: 1.2, level: 0.65 },
  sax: { harmonics: [1, 0.8, 0.9, 0.55, 0.5, 0.35, 0.3, 0.2, 0.15, 0.1], attack_s: 0.03, release_s: 0.06, cutoff: 5, vibrato_cents: 9, breath: 0.03, level: 0.5 },
  doubleReed: { harmonics: [0.6, 0.8, 1, 0.8, 0.5, 0.4, 0.3, 0.2, 0.1], attack_s: 0.03, release_s: 0.06, cutoff: 7, vibrato_cents: 7, level: 0.42 },
  clarinet: { harmonics: [1, 0.05, 0.6, 0.06, 0.35, 0.08, 0.2, 0.05, 0.1], attack_s: 0.03, release_s: 0.06, cutoff: 7, level: 0.55 },
  flute: { harmonics: [1, 0.25, 0.1, 0.04, 0.02], attack_s: 0.045, release_s: 0.09, cutoff: 6, vibrato_cents: 8, breath: 0.07, level: 0.75 },
  squareLead: { harmonics: "square", attack_s: 0.005, release_s: 0.04, cutoff: 7, detune_cents: 4, level: 0.4 },
  sawLead: { harmonics: "saw", attack_s: 0.005, release_s: 0.04, cutoff: 6, detune_cents: 7, level: 0.42 },
  pad: { harmonics: "saw", attack_s: 0.3, release_s: 0.5, cutoff: 2.2, detune_cents: 13, level: 0.42 },
  synthBass: { harmonics: "saw", attack_s: 0.004, release_s: 0.04, cutoff: 2, pluck: 9, level: 0.8 },
  drivenGuitar: { harmonics: [1, 0.75, 0.8, 0.5, 0.55, 0.4, 0.35, 0.3, 0.25, 0.2, 0.15, 0.1, 0.08], attack_s: 0.004, release_s: 0.05, cutoff: 7, detune_cents: 5, fade_s: 7, level: 0.38 },
};

// General MIDI programs to sounds: [first program, sound]; a sound holds until the next entry.
const PROGRAMS = [
  [0, "piano"], [4, "electricPiano"], [6, "harpsichord"], [7, "clavinet"], [8, "celesta"], [9, "glockenspiel"],
  [10, "celesta"], [11, "vibraphone"], [12, "marimba"], [13, "xylophone"], [14, "bells"], [15, "steelGuitar"],
  [16, "drawbarOrgan"], [19, "churchOrgan"], [20, "reedOrgan"], [24, "nylonGuitar"], [25, "steelGuitar"],
  [26, "electricGuitar"], [28, "mutedGuitar"], [29, "drivenGuitar"], [31, "celesta"], [32, "bass"], [34, "brightBass"],
  [35, "bass"], [36, "brightBass"], [38, "synthBass"], [40, "violin"], [44, "tremolo"], [45, "pizzicato"], [46, "harp"],
  [47, "timpani"], [48, "strings"], [52, "choir"], [55, "strings"], [56, "brass"], [58, "horn"], [59, "brass"],
  [60, "horn"], [61, "brass"], [64, "sax"], [68, "doubleReed"], [71, "clarinet"], [72, "flute"], [80, "squareLead"],
  [81, "sawLead"], [82, "flute"], [84, "sawLead"], [85, "choir"], [86, "sawLead"], [88, "pad"], [91, "choir"],
  [92, "pad"], [98, "celesta"], [99, "pad"], [104, "sitar"], [105, "banjo"], [107, "harp"], [108, "kalimba"],
  [109, "doubleReed"], [110, "violin"], [111, "doubleReed"], [112, "glockenspiel"], [113, "xylophone"],
  [114, "steelDrum"], [115, "xylophone"], [116, "timpani"], [119, "pad"], [120, "mutedGuitar"], [121, "flute"],
  [122, "pad"], [123, "flute"], [124, "squareLead"], [125, "pad"], [127, "timpani"],
];

function soundOfProgram(program) {
  let sound = "piano";
  for (const [first, name] of PROGRAMS) if (program >= first) sound = name;
  return sound;
}

function wavetable(stage, name) {
  if (!stage.waves.has(name)) {
    const { harmonics } = SUSTAINED[name];
    const count = 40;
    const imag = new Float32Array(count + 1);
    for (let n = 1; n <= count; n++) {
      if (harmonics === "saw") imag[n] = 1 / n;
      else if (harmonics === "square") imag[n] = n % 2 ? 1 / n : 0;
      else imag[n] = harmonics[n - 1] ?? 0;
    }
    stage.waves.set(name, new PeriodicWave(stage.context, { real: new Float32Array(count + 1), imag }));
  }
  return stage.waves.get(name);
}

function playSustained(stage, name, pitch, velocity, when, into_s) {
  const sound = SUSTAINED[name];
  const context = stage.context;
  const touch = velocity / 127;
  const f0 = hertz(pitch);
  const attack_s = into_s > 0 ? 0.01 : sound.attack_s * (1.4 - 0.7 * touch);
  const peak = sound.level * 0.34 * (sound.even ? 0.5 + 0.35 * touch : touch ** 1.3) * 2 ** (-Math.max(0, pitch - 72) / 28);
  const body_hz = Math.min(15000, 250 + f0 * sound.cutoff * (0.5 + 0.8 * touch));
  const filter = new BiquadFilterNode(context, { type: "lowpass", frequency: body_hz, Q: 0.6 });
  if (sound.swell) {
    filter.frequency.setValueAtTime(body_hz * 0.5, when);
    filter.frequency.linearRampToValueAtTime(Math.min(15000, body_hz * sound.swell), when + 0.06 + attack_s);
    filter.frequency.setTargetAtTime(body_hz * 1.3, when + 0.06 + attack_s, 0.15);
  }
  if (sound.pluck) {
    filter.frequency.setValueAtTime(Math.min(15000, 200 + f0 * sound.pluck * (0.4 + touch)), when);
    filter.frequency.setTargetAtTime(200 + f0 * sound.cutoff, when, 0.12);
  }
  const gain = new GainNode(context, { gain: 0 });
  gain.gain.setValueAtTime(0, when);
  gain.gain.linearRampToValueAtTime(peak, when + attack_s);
  gain.gain.setTargetAtTime(sound.pluck ? peak * 0.35 : peak * 0.85, when + attack_s, 0.3);
  if (sound.fade_s) gain.gain.setTargetAtTime(0, when + attack_s + 0.4, sound.fade_s / 3);
  const spread = sound.detune_cents ? [-sound.detune_cents, 0, sound.detune_cents] : [0];
  const sources = spread.map((detune) => {
    const oscillator = new OscillatorNode(context, { type: "custom", periodicWave: wavetable(stage, name), frequency: f0, detune });
    oscillator.connect(filter);
    return oscillator;
  });
  if (sound.vibrato_cents) {
    const vibrato = new OscillatorNode(context, { frequency: 5.2 + (pitch % 5) * 0.08 });
    const depth = new GainNode(context, { gain: 0 });
    depth.gain.setTargetAtTime(sound.vibrato_cents, when + 0.25, 0.25);
    vibrato.connect(depth);
    for (const source of sources) depth.connect(source.detune);
    sources.push(vibrato);
  }
  if (sound.shake) {
    const shake = new OscillatorNode(context, { frequency: 13, type: "triangle" });
    const depth = new GainNode(context, { gain: sound.shake * peak });
    shake.connect(depth).connect(gain.gain);
    sources.push(shake);
  }
  if (sound.breath) {
    const breath = new AudioBufferSourceNode(context, { buffer: drumBuffer("breath"), loop: true });
    const band = new BiquadFilterNode(context, { type: "bandpass", frequency: Math.min(9000, f0 * 3), Q: 1 });
    breath.connect(band).connect(new GainNode(context, { gain: sound.breath * 4 })).connect(filter);
    sources.push(breath);
  }
  filter.connect(gain).connect(stage.place((pitch - 64) / 110));
  for (const source of sources) source.start(when);
  sources[0].onended = () => sources.slice(1).forEach((source) => source.stop());
  return {
    source: sources[0],
    letGo(at, tau_s = sound.release_s) {
      const release_s = Math.max(0.005, tau_s);
      const from = Math.max(at, when + attack_s * (tau_s < sound.release_s ? 0 : 1));
      gain.gain.setTargetAtTime(0, from, release_s);
      for (const source of sources) source.stop(from + 7 * release_s);
    },
  };
}
