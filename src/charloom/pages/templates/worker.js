// The experiment in a Worker: each request gets one answer. live/kernel.c does the arithmetic of an update.
"use strict"
const LARGEST = 10_000_000 // bytes of a text
const EVERY = 100, STATISTICS_EVERY = 1000 // updates between two points of the curve, and between two statistics
const CHECKPOINT = 1, ON_DEMAND = 3 // kinds of sample: sampling/writing.py
let wasm, ziggurat, run

// Start the kernel for m hidden units, K characters and sequences of T. Return its arrays, as views of its memory.
const open = (program, m, K, T) => {
  wasm = new WebAssembly.Instance(new WebAssembly.Module(program.wasm)).exports
  ziggurat = program.ziggurat
  const count = m * m + 2 * m * K + m + K
  const lengths = {
    theta: count, gradient: count, first: count, second: count, WT: m * m, VT: m * K,
    h: (T + 1) * m, d: (T + 1) * m, o: T * K, totals: T, a: m, state: m, x: T + 1,
  }
  const end = wasm.memory.buffer.byteLength, bytes = length => Math.ceil(length / 16 + 1) * 128
  wasm.memory.grow(Math.ceil(Object.values(lengths).reduce((sum, length) => sum + bytes(length), 0) / 65536))
  const { buffer } = wasm.memory, arrays = {}
  const set = (name, value) => new Int32Array(buffer, wasm[name].value, 1).fill(value)
  Object.entries({ m, K, T, count }).forEach(([name, value]) => set(name, value))
  Object.entries(lengths).reduce((address, [name, length]) => {
    set(name, address)
    arrays[name] = new Float64Array(buffer, address, length)
    return address + bytes(length)
  }, end)
  return { ...arrays, x: new Int32Array(buffer, arrays.x.byteOffset, T + 1) }
}

// Random numbers: NumPy's default_rng (SeedSequence, then PCG64 XSL-RR 128/64).
const MULTIPLIER = 2549297995355413924n << 64n | 4865540595714422341n
let generator, increment
const next = () => {
  generator = BigInt.asUintN(128, generator * MULTIPLIER + increment)
  const x = BigInt.asUintN(64, generator >> 64n ^ generator), turn = generator >> 122n
  return BigInt.asUintN(64, x >> turn | x << 64n - turn)
}
const uniform = () => Number(next() >> 11n) * 2 ** -53

// Start the random stream default_rng(numbers): each number is split into 32-bit words, lowest first.
const stream = numbers => {
  const words = numbers.map(BigInt).flatMap(n => n >> 32n ? [n & 0xffffffffn, n >> 32n] : [n]).map(Number)
  let constant = 0x43b0d7e5, factor = 0x931e8875
  const folded = x => x ^ x >>> 16
  const hashed = word => {
    const x = word ^ constant
    constant = Math.imul(constant, factor)
    return folded(Math.imul(x, constant))
  }
  const pool = [0, 1, 2, 3].map(n => hashed(words[n] ?? 0))
  for (let from = 0; from < Math.max(4, words.length); from++) {
    for (let to = 0; to < 4; to++) {
      const word = pool[from] ?? words[from]
      if (from !== to) pool[to] = folded(Math.imul(0xca01f9dd, pool[to]) - Math.imul(0x4973f715, hashed(word)))
    }
  }
  constant = 0x8b51f9dd
  factor = 0x58f38ded
  const state = new BigUint64Array(Uint32Array.from([...pool, ...pool], hashed).buffer)
  increment = (state[2] << 64n | state[3]) << 1n | 1n
  generator = (state[0] << 64n | state[1]) + increment
  next()
}

// log x + correction for 0 < x ≤ 1, and log(1 + x) for −1 < x ≤ 0: base/logarithm.py.
const log = (x, correction = 0) => {
  let n = 0
  for (; x < 0x16a09e / 2 ** 21; n--) x *= 2
  const f = x - 1
  return series(f, n, correction, f >= -3 / 2 ** 21 && f < 1 / 2 ** 20)
}
const log1p = x => {
  if (x > -(2 ** -29)) return x - x * x * 0.5
  if (x > -0.2928934097290039) return series(x, 0, 0, false)
  const u = 1 + x
  return log(u, (x - (u - 1)) / u)
}
const series = (f, n, correction, near) => {
  const high = n * 6.93147180369123816490e-01, low = n * 1.90821492927058770002e-10 + correction, square = 0.5 * f * f
  if (near) return high - (square * (1 - 0.66666666666666666 * f) - low - f)
  const s = f / (2 + f), z = s * s, z2 = z * z
  const tail = z * 6.666666666666735130e-01 + z2 * (3.999999999940941908e-01 + z * 2.857142874366239149e-01)
    + z2 * z2 * (2.222219843214978396e-01 + z * 1.818357216161805012e-01)
    + z2 * z2 * z2 * (1.531383769920937332e-01 + z * 1.479819860511658591e-01)
  return high - (square - (s * (square + tail) + low) - f)
}

// A normal number: network/normal.py.
const R = 3.6541528853610088, INVERSE_R = 0.27366123732975828 // where the tail begins
const normal = () => {
  for (;;) {
    const r = next(), low = Number(r & 0x3ffffn), k = Number(r >> 9n & (1n << 52n) - 1n)
    const i = 3 * (low & 255), x = (low & 256 ? -k : k) * ziggurat[i + 1], height = ziggurat[i + 2] // rows of k, w, f
    if (k < ziggurat[i]) return x
    if (i > 0 && log((ziggurat[i - 1] - height) * uniform() + height) < -0.5 * x * x) return x
    while (i === 0) {
      const a = INVERSE_R * -log1p(-uniform()), b = -log1p(-uniform())
      if (2 * b > a * a) return low & 0x20000 ? -(R + a) : R + a
    }
  }
}

// The SHA-256 (FIPS 180-4) of texts and arrays, one after the other. A page from a plain http server has no
// crypto.subtle.
const NUMBERS = Array.from({ length: 310 }, (_, n) => n + 2)
const PRIMES = NUMBERS.filter(n => !NUMBERS.some(divisor => divisor < n && n % divisor === 0)) // the first 64
const fraction = root => (root % 1) * 2 ** 32 | 0 // its first 32 bits
const CONSTANTS = Int32Array.from(PRIMES, prime => fraction(Math.cbrt(prime)))
const rotated = (x, n) => x >>> n | x << 32 - n
const bytesOf = part => typeof part === "string" ? new TextEncoder().encode(part)
  : new Uint8Array(part.buffer, part.byteOffset, part.byteLength)
const sha256 = (...parts) => {
  const arrays = parts.map(bytesOf), size = arrays.reduce((sum, array) => sum + array.length, 0)
  const message = new Uint8Array(Math.ceil((size + 9) / 64) * 64), words = new DataView(message.buffer)
  message[arrays.reduce((at, array) => (message.set(array, at), at + array.length), 0)] = 128
  words.setBigUint64(message.length - 8, BigInt(size) * 8n)
  const digest = Int32Array.from(PRIMES.slice(0, 8), prime => fraction(Math.sqrt(prime))), w = new Int32Array(64)
  for (let block = 0; block < message.length; block += 64) {
    let [a, b, c, d, e, f, g, h] = digest
    for (let i = 0; i < 64; i++) {
      const x = w[i - 15], y = w[i - 2], low = rotated(x, 7) ^ rotated(x, 18) ^ x >>> 3
      w[i] = i < 16 ? words.getInt32(block + 4 * i)
        : w[i - 16] + low + w[i - 7] + (rotated(y, 17) ^ rotated(y, 19) ^ y >>> 10)
      const one = h + (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)) + (e & f ^ ~e & g) + CONSTANTS[i] + w[i]
      const two = (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) + (a & b ^ a & c ^ b & c);
      [a, b, c, d, e, f, g, h] = [one + two | 0, a, b, c, d + one | 0, e, f, g]
    }
    [a, b, c, d, e, f, g, h].forEach((x, i) => { digest[i] += x })
  }
  return [...digest].map(x => (x >>> 0).toString(16).padStart(8, "0")).join("")
}

// The training part of the text, as in text/corpus.py. The page's own text has no other part; its vocabulary may have
// more characters.
const prepared = ({ bytes, text, vocabulary }, p) => {
  if (bytes?.byteLength > LARGEST) throw new Error(`the text has more than ${LARGEST.toLocaleString("en")} bytes`)
  text ??= new TextDecoder("utf-8", { fatal: true }).decode(bytes).replaceAll("\r\n", "\n")
  const characters = [...text]
  vocabulary = [...vocabulary ?? [...new Set(characters)].sort((a, b) => a.codePointAt() - b.codePointAt())]
  const id = new Map(vocabulary.map((character, n) => [character, n]))
  const heldOut = bytes ? Math.trunc(p["prepare.held_out"] * characters.length) : 0
  const ids = Int32Array.from(characters, character => id.get(character))
  return { vocabulary, ids: ids.subarray(0, ids.length - heldOut) }
}

// The first character of the update, as an index of the text.
const position = () => run.update % Math.floor((run.ids.length - 1) / run.T) * run.T

// base ** exponent by the multiplications of network/adam.py.
const power = (base, exponent) => {
  let product = 1
  for (; exponent; exponent = Math.floor(exponent / 2)) {
    if (exponent % 2) product *= base
    base *= base
  }
  return product
}

// Take a step of the optimiser; return whether all numbers are finite.
const step = () => {
  const p = run.params, b1 = p["train.b1"], b2 = p["train.b2"], clip = p["train.clip"] ?? Infinity
  if (p.optimizer === "adagrad") return wasm.adagrad(p.eta, clip)
  const root = Math.sqrt(1 - power(b2, run.update + 1))
  return wasm.adam(p.eta * root / (1 - power(b1, run.update + 1)), b1, b2, p["train.eps"] * root, clip)
}

// Do one update; after the last step, only its loss. Return "complete" or "diverged" if training ends with it.
const update = () => {
  const { params: p, m, T, theta, h, x } = run, start = position()
  if (start === 0) h.fill(0, 0, m)
  x.set(run.ids.subarray(start, start + T + 1))
  const loss = run.loss = wasm.gradients(p["train.loss"] === "mean" ? 1 / T : 1)
  if (!isFinite(loss)) return "diverged"
  run.smooth = run.update ? 0.999 * run.smooth + 0.001 * loss : loss
  if (run.smooth < run.lowest) {
    run.lowest = run.smooth
    run.best.set(theta)
  }
  if (run.update < EVERY) run.first_losses.push(loss)
  if (run.update % EVERY === 0) run.curve.push(run.smooth)
  if (run.update % STATISTICS_EVERY === 0) run.statistics.push(statistics(loss))
  if (run.update === p["train.updates"]) return "complete"
  if (!step()) return "diverged"
  h.copyWithin(0, T * m)
  run.update++
}

// The loss, and what kernel/gradient_statistics.py computes of the update, in its order.
const statistics = loss => {
  const { m, K, T, params: p, gradient, h, x } = run, U = m * m, V = U + m * K, b = V + K * m, c = b + m
  const row = start => gradient.subarray(start, start + m), seen = [...new Set(x.subarray(0, T))], ordered = []
  for (let i = 0; i < m; i++) {
    ordered.push(gradient[b + i], ...row(i * m), ...seen.map(id => gradient[U + i * K + id]))
  }
  for (let k = 0; k < K; k++) ordered.push(gradient[c + k], ...row(V + k * m))
  const norm = Math.sqrt(ordered.reduce((squares, g) => squares + g * g, 0))
  const share = (numbers, limit) => numbers.filter(number => Math.abs(number) > limit).length / numbers.length
  const clipped = share(gradient, p["train.clip"] ?? Infinity)
  return [loss, Math.min(norm, Number.MAX_VALUE), clipped, share(h.subarray(m), 0.99)]
}

// Write characters one after the other from run.state, as kernel/drawing.py does; return the text and the probability
// of each character.
const written = (first, length, { temperature, top_k = 0, top_p = 1 }) => {
  const o = run.o.subarray(0, run.vocabulary.length), text = [], p = []
  for (let x = first; text.length < length;) {
    wasm.look(x, 0)
    const outputs = o.slice(), top = Math.max(...outputs), u = uniform()
    const total = wasm.exponentials(o.byteOffset, top), weights = o.slice()
    if (temperature > 0 && temperature !== 1) {
      o.set(outputs.map(output => (output - top) / temperature))
      wasm.exponentials(o.byteOffset, 0)
    }
    let candidates = [...outputs.keys()], sum = 0
    if (top_k > 0 || top_p < 1) candidates.sort((i, j) => outputs[j] - outputs[i])
    if (top_k > 0) candidates = candidates.slice(0, top_k)
    const sums = candidates.map(id => sum += o[id])
    if (top_p < 1) sum = sums.find(part => part >= top_p * sum)
    x = temperature > 0 ? candidates[sums.findIndex(part => part > u * sum)] : outputs.indexOf(top)
    text.push(run.vocabulary[x])
    p.push(weights[x] / total)
  }
  return { text: text.join(""), p }
}

const checkpoint = () => {
  const { params: p, ids, state, h, theta } = run
  stream([p.seed, CHECKPOINT, run.update, 0])
  state.set(h.subarray(0, run.m))
  wasm.transpose()
  const { text } = written(ids[position()], p["sample.length"], { temperature: p["sample.temperature"] })
  return { hash: sha256(theta), text }
}

// The SHA-256 of last and best weights and of the trace, as `results_hash` in results/identity.py.
const results = () => {
  const columns = [run.curve, run.first_losses, ...[0, 1, 2, 3].map(n => run.statistics.map(row => row[n]))]
  const numbers = [run.theta, run.best, ...columns.map(column => new Float64Array(column))]
  return sha256(...numbers.flatMap(array => [`<f8(${array.length},)`, array]))
}

const answers = {
  // Prepare a training before its first update. p: the params by their dotted names.
  start({ program, params: p, text }) {
    const { ids, vocabulary } = prepared(text, p), K = vocabulary.length, m = p.m, T = p.seq_length
    if (ids.length <= T) throw new Error(`${ids.length} characters for training; seq_length ${T} needs ${T + 1}`)
    run = { ...open(program, m, K, T), params: p, m, K, T, ids, vocabulary, update: 0, lowest: Infinity }
    Object.assign(run, { best: run.theta.slice(), first_losses: [], curve: [], statistics: [] })
    run.first.fill(p.optimizer === "adam" ? 0 : p["train.initial_accumulator_value"])
    stream([p.seed])
    let n = 0
    for (const [size, fan] of [[m * m, 2 * m], [m * K, 2 * K], [K * m, m]]) {
      const deviation = p.sigma === "fan_in" ? 1 / Math.sqrt(fan) : Number(p.sigma)
      for (const end = n + size; n < end; n++) run.theta[n] = normal() * deviation + 0 // no −0
    }
  },

  // Do the updates up to the next point of the curve or checkpoint. At a checkpoint, first write a text.
  advance() {
    const { params: p, update: first } = run, every = p["train.checkpoint_every"]
    const answer = { update: first, checkpoint: first % every ? null : checkpoint() }
    do answer.end = update()
    while (!answer.end && run.update % EVERY && run.update % every)
    if (answer.end === "complete") answer.results = results()
    return { ...answer, completed: run.update, smooth: run.smooth, curve: run.curve, statistics: run.statistics }
  },

  // Write text with a model: its weights, in the order of network/rnn.py, and its hidden state.
  write({ program, model, prime, length, seed, ...choice }) {
    const { vocabulary } = model
    run = { ...open(program, model.m, vocabulary.length, 1), vocabulary }
    run.theta.set(model.theta)
    run.state.set(model.h)
    wasm.transpose()
    const known = [...prime].filter(character => vocabulary.includes(character))
    const unknown = [...new Set(prime)].filter(character => !vocabulary.includes(character))
    const ids = known.map(character => vocabulary.indexOf(character)), first = ids.pop() ?? model.first
    ids.forEach((id, step) => wasm.look(id, step))
    stream([seed, ON_DEMAND, model.update, 0])
    return { prime: known.join(""), skipped: unknown.join(""), ...written(first, length, choice) }
  },
}

onmessage = ({ data }) => {
  try {
    postMessage({ ...answers[data.kind](data) })
  } catch (error) {
    postMessage({ error: error instanceof RangeError ? "not enough memory" : error.message })
  }
}
