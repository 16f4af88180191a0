// The clock and the mixer: notes are handed to Web Audio a moment before they sound, never all at once.

const AHEAD_S = 0.35; // how far ahead notes are handed over
const HIDDEN_AHEAD_S = 2.5; // browsers wake a hidden page once a second
const TICK_MS = 40;
const MAX_VOICES = 140;

// What everything is played into: a room, a compressor, a ceiling so that nothing clips, a volume.
function makeBus(context) {
  const volume = new GainNode(context, { gain: 0.8 });
  const squeeze = new DynamicsCompressorNode(context, { threshold: -14, knee: 12, ratio: 3, attack: 0.004, release: 0.2 });
  const ceiling = new WaveShaperNode(context, { curve: softCeiling() });
  const analyser = new AnalyserNode(context, { fftSize: 2048 });
  const room = new ConvolverNode(context, { buffer: roomBuffer(), disableNormalization: true });
  const mix = new GainNode(context, { gain: 0.9 });
  room.connect(mix).connect(squeeze).connect(ceiling).connect(volume).connect(analyser).connect(context.destination);
  return { context, volume, analyser, mix, room, waves: new Map() };
}

// Five places from left to right that fall silent together.
function makeStage(bus) {
  const fader = new GainNode(bus.context);
  fader.connect(bus.mix);
  fader.connect(bus.room);
  const places = [-0.7, -0.35, 0, 0.35, 0.7].map((pan) => {
    const place = new StereoPannerNode(bus.context, { pan });
    place.connect(fader);
    return place;
  });
  const place = (side) => places[Math.max(0, Math.min(4, Math.round(side * 2.8 + 2)))];
  const close = () => fader.gain.setTargetAtTime(0, bus.context.currentTime, 0.02);
  return { context: bus.context, waves: bus.waves, place, close };
}

// Straight to 0.7 of full scale, then bending: the output stays below 1 whatever comes in.
function softCeiling() {
  const curve = new Float32Array(4097);
  for (let i = 0; i < curve.length; i++) {
    const x = i / 2048 - 1;
    const size = Math.abs(x);
    curve[i] = Math.sign(x) * (size < 0.7 ? size : 0.7 + 0.28 * Math.tanh((size - 0.7) / 0.28));
  }
  return curve;
}

let roomOnce = null;

// A small hall, 15 dB below what it answers: noise that falls by 60 dB in 1.3 s and darkens, unlike left and right.
function roomBuffer() {
  if (roomOnce) return roomOnce;
  const length = Math.ceil(1.3 * RATE);
  roomOnce = new AudioBuffer({ length, sampleRate: RATE, numberOfChannels: 2 });
  for (const channel of [0, 1]) {
    const noise = noiseStream(41 + channel);
    const samples = new Float32Array(length);
    let smooth = 0;
    let energy = 0;
    for (let i = 0; i < length; i++) {
      const t = i / RATE;
      smooth += (0.12 + 0.5 * Math.exp(-t * 5)) * (noise() - smooth);
      samples[i] = smooth * decay(t, 1.3) * Math.min(1, t / 0.012);
      energy += samples[i] * samples[i];
    }
    for (let i = 0; i < length; i++) samples[i] *= Math.sqrt(0.032 / energy);
    roomOnce.copyToChannel(samples, channel);
  }
  return roomOnce;
}

function playNote(stage, part, pitch, velocity, when, into_s) {
  if (part.drum) return playDrum(stage, pitch, velocity, when, into_s);
  const name = soundOfProgram(part.program);
  const play = STRUCK[name] ? playStruck : playSustained;
  return play(stage, name, pitch, velocity, when, into_s);
}

// Plays the notes of one take into a bus from a position on; `advance(until_s)` hands over what begins before then.
function makeSequence(bus, take, from_s, startsAt) {
  const { onset, sounding, pitch, velocity, part } = take.notes;
  const stage = makeStage(bus);
  const voices = new Set();
  let next = 0;
  let scheduled = 0;
  let openHat = null;

  function start(i, into_s) {
    const its = take.parts[part[i]];
    if (take.muted.has(part[i])) return;
    const when = startsAt + Math.max(0, onset[i] / 1000 - from_s);
    const voice = playNote(stage, its, pitch[i], velocity[i], when, into_s);
    if (!voice) return;
    scheduled += 1;
    voices.add(voice);
    voice.source.addEventListener("ended", () => voices.delete(voice));
    if (!its.drum) voice.letGo(startsAt + Math.max(0.03, (onset[i] + sounding[i]) / 1000 - from_s));
    if (its.drum && HATS.includes(pitch[i])) {
      if (openHat) openHat.letGo(when);
      openHat = pitch[i] === 46 ? voice : null;
    }
    if (voices.size > MAX_VOICES) {
      const oldest = voices.values().next().value;
      voices.delete(oldest);
      oldest.letGo(bus.context.currentTime, 0.02);
    }
  }

  while (next < onset.length && onset[next] / 1000 < from_s) {
    const into_s = from_s - onset[next] / 1000;
    if (into_s < sounding[next] / 1000) start(next, into_s);
    next += 1;
  }
  return {
    voices,
    get scheduled() { return scheduled; },
    advance(until_s) {
      for (; next < onset.length && onset[next] / 1000 < until_s; next++) start(next, 0);
    },
    silence() {
      stage.close();
      for (const voice of voices) voice.source.stop(bus.context.currentTime + 0.2);
    },
  };
}

function base64Bytes(text) {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

// Sound rendered beforehand, where the page carries it: one source node that knows the same calls as a sequence.
function makeRecording(bus, take, from_s, startsAt) {
  const source = new AudioBufferSourceNode(bus.context, { buffer: take.buffer });
  const gain = new GainNode(bus.context, { gain: take.bufferGain });
  source.connect(gain).connect(bus.mix);
  if (from_s < take.buffer.duration) source.start(startsAt, from_s);
  return {
    voices: new Set([source]),
    scheduled: 1,
    advance() {},
    silence() { gain.gain.setTargetAtTime(0, bus.context.currentTime, 0.02); source.stop(bus.context.currentTime + 0.2); },
  };
}

// Decodes the embedded sound of a take the first time it is played; false where there is none or it cannot be decoded.
async function prepareRecording(bus, take, takes) {
  if (take.buffer) return true;
  for (const other of takes) other.buffer = null; // decoded sound is large: one take at a time
  if (!take.sound) return false;
  try {
    take.buffer = await bus.context.decodeAudioData(base64Bytes(take.sound).buffer);
  } catch {
    take.sound = null; // this browser lacks the codec: the synthesizer plays instead
    return false;
  }
  let loudest = 1e-4;
  for (let c = 0; c < take.buffer.numberOfChannels; c++) {
    for (const x of take.buffer.getChannelData(c)) loudest = Math.max(loudest, Math.abs(x));
  }
  take.bufferGain = Math.min(8, 0.7 / loudest);
  return true;
}

// One take at a time. `changed(player)` is called when playing begins or ends.
function makePlayer(takes, changed) {
  const player = { takes, current: null, position_s: 0, playing: false, volume: 0.85, scheduledTotal: 0 };
  let bus = null;
  let sequence = null;
  let startsAt = 0;
  let timer = null;
  let request = 0;

  player.time = () => {
    if (!player.playing || !sequence) return player.position_s;
    const passed_s = bus.context.currentTime - startsAt - (bus.context.outputLatency || 0);
    return Math.min(player.takes[player.current].seconds, player.position_s + Math.max(0, passed_s));
  };

  function tick() {
    const take = player.takes[player.current];
    const now_s = player.position_s + bus.context.currentTime - startsAt;
    const before = sequence.scheduled;
    sequence.advance(now_s + (document.hidden ? HIDDEN_AHEAD_S : AHEAD_S));
    player.scheduledTotal += sequence.scheduled - before;
    if (now_s > take.seconds + 1.2) player.stop();
  }

  function halt() {
    clearInterval(timer);
    request += 1;
    if (sequence) sequence.silence();
    sequence = null;
    player.playing = false;
  }

  player.play = async (index, from_s) => {
    const keep_s = index === player.current ? player.time() : 0;
    halt();
    const mine = request;
    player.current = index;
    const take = player.takes[index];
    player.position_s = from_s ?? (keep_s >= take.seconds - 0.05 ? 0 : keep_s);
    player.playing = true;
    changed(player);
    if (!bus) {
      bus = makeBus(new AudioContext({ sampleRate: RATE, latencyHint: "balanced" }));
      player.setVolume(player.volume);
    }
    if (bus.context.state !== "running") await bus.context.resume();
    const recorded = await prepareRecording(bus, take, takes);
    if (mine !== request) return; // another call came while this one waited
    startsAt = bus.context.currentTime + 0.06;
    sequence = (recorded ? makeRecording : makeSequence)(bus, take, player.position_s, startsAt);
    player.scheduledTotal += sequence.scheduled;
    tick();
    timer = setInterval(tick, TICK_MS);
  };
  player.pause = () => {
    player.position_s = player.time();
    halt();
    changed(player);
  };
  player.stop = () => {
    halt();
    player.position_s = 0;
    changed(player);
  };
  player.seek = (index, to_s) => {
    const take = player.takes[index];
    const target_s = Math.max(0, Math.min(take.seconds, to_s));
    if (player.playing && index === player.current) return player.play(index, target_s);
    halt();
    player.current = index;
    player.position_s = target_s;
    changed(player);
    return Promise.resolve();
  };
  player.setVolume = (share) => {
    player.volume = Math.max(0, Math.min(1, share));
    if (bus) bus.volume.gain.setTargetAtTime(player.volume ** 2, bus.context.currentTime, 0.02);
  };
  player.mute = (index, part, off) => {
    player.takes[index].muted[off ? "add" : "delete"](part);
    if (player.playing && index === player.current) player.play(index, player.time());
  };
  player.rms = () => {
    if (!bus) return 0;
    const samples = new Float32Array(bus.analyser.fftSize);
    bus.analyser.getFloatTimeDomainData(samples);
    return Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);
  };
  player.voiceCount = () => (sequence ? sequence.voices.size : 0);
  return player;
}

// The sound of a take from `from_s` on as [left, right], for programs that examine it.
async function renderTake(take, seconds, from_s = 0) {
  const context = new OfflineAudioContext(2, Math.ceil(seconds * RATE), RATE);
  const bus = makeBus(context);
  const sequence = makeSequence(bus, take, from_s, 0);
  sequence.advance(from_s + seconds);
  const buffer = await context.startRendering();
  return [buffer.getChannelData(0), buffer.getChannelData(1)];
}
