// The page's Worker under Node: a JSON list of requests comes in, a line of JSON for each answer goes out.
// `train` is for tests: so many updates, then every number of the state.
import { readFileSync } from "node:fs"
const { worker, wasm, ziggurat, requests } = JSON.parse(readFileSync(0, "utf8"))
const program = { wasm: readFileSync(wasm), ziggurat }
const inner = "; return { answers, weights, view, run: () => run, train: n => wasm.train(n) }"
const inside = new Function("onmessage", readFileSync(worker, "utf8") + inner)()
const numbers = array => Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString("base64")
const train = ({ updates }) => {
  const losses = [], smooth = []
  for (let left = updates, rows = 1; left && rows; left -= rows) {
    rows = inside.train(Math.min(left, 1000))
    losses.push(...inside.view("losses", rows))
    smooth.push(...inside.view("smooth", rows))
  }
  const m = inside.run().params.m, [theta, first, second, best] = [0, 1, 2, 3].map(which => numbers(inside.weights(which)))
  return { losses, smooth, theta, first, second, best, h: numbers(inside.view("h", m)), best_h: numbers(inside.view("best_h", m)) }
}
for (const { kind, ...request } of requests) {
  const given = { program, ...request }
  if (given.text?.base64) given.text = { bytes: Buffer.from(given.text.base64, "base64") }
  if (given.model?.base64) given.model.theta = new Float64Array(new Uint8Array(Buffer.from(given.model.base64, "base64")).buffer)
  console.log(JSON.stringify(kind === "train" ? train(given) : inside.answers[kind](given)))
}
